"""Tables and secondary indexes of the instance: created, listed, described, altered, deleted."""

from __future__ import annotations

from collections.abc import Callable

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import limits
from tablestore_memory.localcloud.tablestore.errors import (
    ObjectAlreadyExist,
    ObjectNotExist,
    ParameterInvalid,
    QuotaExhausted,
    UnsupportOperation,
)
from tablestore_memory.localcloud.tablestore.schema import (
    Index,
    Table,
    check_index,
    check_indexable,
    check_options,
    check_table,
    complete_options,
    index_schema,
    table_schema,
)
from tablestore_memory.localcloud.tablestore.storage import Storage, StoredTable


class Tables:
    """What tables there are. Every change is durable when the method returns."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._by_name: dict[str, Table] = {}
        stored = storage.tables()
        for row in stored:
            if row.base is None:
                self._remember(row, pb.CreateTableRequest.FromString(row.definition))
        for row in stored:
            if row.base is not None:
                self._attach(row, pb.IndexMeta.FromString(row.definition))

    def get(self, name: str) -> Table:
        """A data table or index. Raises ParameterInvalid, ObjectNotExist."""
        if table := self._by_name.get(name):
            return table
        limits.check_table_name(name)
        raise ObjectNotExist

    def data_table(self, name: str) -> Table:
        """A table that can be written. Raises ParameterInvalid for an index."""
        table = self.get(name)
        if table.base is not None:
            raise ParameterInvalid("Can't write index table directly.")
        return table

    def data_tables(self) -> list[Table]:
        return [table for table in self._by_name.values() if table.base is None]

    def has(self, index: Index) -> bool:
        table = self._by_name.get(index.meta.name)
        return table is not None and table.id == index.table

    def names(self) -> list[str]:
        """Data tables and indexes, by name."""
        return sorted(self._by_name)

    def create(self, request: pb.CreateTableRequest) -> Table:
        """Raises ParameterInvalid, ObjectAlreadyExist, QuotaExhausted, UnsupportOperation."""
        definition = pb.CreateTableRequest()
        definition.CopyFrom(request)
        check_table(definition.table_meta)
        complete_options(definition.table_options)
        _refuse_encryption_and_streams(definition)
        self._check_new([definition.table_meta.table_name])
        indexes = list(definition.index_metas)
        self._check_new_indexes(definition, indexes, existing=0)
        del definition.index_metas[:]
        name = definition.table_meta.table_name
        with self._storage.transaction():
            table = self._remember(self._store(name, None, definition), definition)
            for meta in indexes:
                self._attach(self._store(meta.name, name, meta), meta)
        return table

    def create_index(self, table: Table, meta: pb.IndexMeta) -> Index:
        """Raises ParameterInvalid, ObjectAlreadyExist, QuotaExhausted."""
        self._check_new_indexes(table.definition, [meta], existing=len(table.indexes))
        with self._storage.transaction():
            return self._attach(self._store(meta.name, table.name, meta), meta)

    def drop_index(self, table: Table, name: str) -> None:
        """Raises ObjectNotExist."""
        index = next((index for index in table.indexes if index.meta.name == name), None)
        if index is None:
            raise ObjectNotExist
        with self._storage.transaction():
            self._storage.drop_table(index.table)
        table.indexes.remove(index)
        del self._by_name[name]

    def delete(self, table: Table) -> None:
        """The table, its rows and its secondary indexes."""
        with self._storage.transaction():
            for gone in [*(index.table for index in table.indexes), table.id]:
                self._storage.drop_table(gone)
        for name in [*(index.meta.name for index in table.indexes), table.name]:
            del self._by_name[name]

    def update(self, table: Table, request: pb.UpdateTableRequest, *, searched: bool) -> None:
        """Raises ParameterInvalid; `searched` says whether the table has a search index."""
        definition = pb.CreateTableRequest()
        definition.CopyFrom(table.definition)
        definition.table_options.MergeFrom(request.table_options)
        if request.HasField("reserved_throughput"):
            definition.reserved_throughput.MergeFrom(request.reserved_throughput)
        check_options(definition.table_options)
        if table.indexes:
            check_indexable(definition.table_options, "secondary")
        if searched:
            check_indexable(definition.table_options, "search")
        self._storage.redefine_table(table.id, definition.SerializeToString())
        table.definition.CopyFrom(definition)

    def _check_new_indexes(
        self, definition: pb.CreateTableRequest, metas: list[pb.IndexMeta], existing: int
    ) -> None:
        if existing + len(metas) > limits.INDEXES_OF_A_TABLE:
            raise ParameterInvalid(
                f"Number of index per table exceeds the quota:{limits.INDEXES_OF_A_TABLE}."
            )
        for meta in metas:
            check_index(definition, meta)
        self._check_new([meta.name for meta in metas])

    def _check_new(self, names: list[str]) -> None:
        if any(name in self._by_name for name in names) or len(set(names)) != len(names):
            raise ObjectAlreadyExist
        if len(self._by_name) + len(names) > limits.TABLES:
            raise QuotaExhausted("Number of tables exceeded the quota.")

    def _store(
        self, name: str, base: str | None, definition: pb.CreateTableRequest | pb.IndexMeta
    ) -> StoredTable:
        created_s = int(self._clock())
        return self._storage.create_table(name, base, created_s, definition.SerializeToString())

    def _remember(self, row: StoredTable, definition: pb.CreateTableRequest) -> Table:
        schema = table_schema(definition.table_meta)
        table = Table(row.id, row.name, row.created_s, definition, schema)
        self._by_name[row.name] = table
        return table

    def _attach(self, row: StoredTable, meta: pb.IndexMeta) -> Index:
        base = self._by_name[row.base or ""]
        schema = index_schema(base.definition.table_meta, meta)
        index = Index(row.id, meta, schema)
        base.indexes.append(index)
        self._by_name[row.name] = Table(
            row.id, row.name, row.created_s, base.definition, schema, base=base.name
        )
        return index


def _refuse_encryption_and_streams(definition: pb.CreateTableRequest) -> None:
    if definition.sse_spec.enable or definition.stream_spec.enable_stream:
        raise UnsupportOperation("Server-side encryption and streams are not supported.")


def describe(table: Table) -> pb.DescribeTableResponse:
    """DescribeTable's answer, for a table or an index."""
    response = pb.DescribeTableResponse()
    response.table_meta.CopyFrom(table.definition.table_meta)
    if table.base is not None:
        _describe_as_index(response.table_meta, table)
    response.reserved_throughput_details.CopyFrom(throughput(table))
    response.table_options.CopyFrom(table.definition.table_options)
    response.index_metas.extend(index.meta for index in table.indexes)
    return response


def _describe_as_index(meta: pb.TableMeta, table: Table) -> None:
    meta.table_name = table.name
    del meta.primary_key[:]
    for name, kind in table.primary_key:
        meta.primary_key.add(name=name, type=kind)
    keys = set(table.key_names)
    kept = [column for column in meta.defined_column if column.name not in keys]
    del meta.defined_column[:]
    meta.defined_column.extend(kept)


def throughput(table: Table) -> pb.ReservedThroughputDetails:
    details = pb.ReservedThroughputDetails(last_increase_time=table.created_s)
    details.capacity_unit.read = table.definition.reserved_throughput.capacity_unit.read
    details.capacity_unit.write = table.definition.reserved_throughput.capacity_unit.write
    return details
