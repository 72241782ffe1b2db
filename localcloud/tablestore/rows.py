"""Rows written and read one by one: conditions, versions, indexes, and who is told of a change."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import cells as cell_rules
from tablestore_memory.localcloud.tablestore import records
from tablestore_memory.localcloud.tablestore.changes import Change
from tablestore_memory.localcloud.tablestore.contract import Columns, Key
from tablestore_memory.localcloud.tablestore.errors import (
    ConditionCheckFail,
    OTSError,
    ParameterInvalid,
)
from tablestore_memory.localcloud.tablestore.indexes import SecondaryIndexes, check_defined_types
from tablestore_memory.localcloud.tablestore.keys import check_row_key
from tablestore_memory.localcloud.tablestore.records import Record, RowKey
from tablestore_memory.localcloud.tablestore.schema import Table, check_indexable
from tablestore_memory.localcloud.tablestore.storage import Storage
from tablestore_memory.localcloud.tablestore.tables import Tables


class Watcher(Protocol):
    """Who wants to know of every change of some tables: the search engine."""

    def has_indexes(self, table: str) -> bool: ...

    def row_changed(self, table: str, key: Key, columns: Columns | None) -> None: ...


class Written(NamedTuple):
    """A write that was done: the row it left, its key, and its capacity units."""

    key: RowKey
    record: Record | None
    read_units: int
    write_units: int


class TableRows:
    """The rows of all tables. A write is durable when the method returns."""

    def __init__(
        self,
        storage: Storage,
        tables: Tables,
        indexes: SecondaryIndexes,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._tables = tables
        self._indexes = indexes
        self._clock = clock
        self.watcher: Watcher | None = None

    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def write(self, changes: Sequence[tuple[str, Change]]) -> list[Written | OTSError]:
        """Each change by itself, in order, all of them in one commit."""
        results: list[Written | OTSError] = []
        now_ms = self.now_ms()
        with self._storage.transaction():
            for table_name, change in changes:
                try:
                    table = self._tables.data_table(table_name)
                    results.append(self._write(table, change, now_ms))
                except OTSError as error:
                    results.append(error)
        for (table_name, _), result in zip(changes, results, strict=True):
            if isinstance(result, Written):
                self._tell(table_name, result)
        return results

    def _write(self, table: Table, change: Change, now_ms: int) -> Written:
        key = check_row_key(table.primary_key, change.key)
        units = int(change.reads), capacity_units(change.size_bytes)
        if self._put_whole(table, key, change, now_ms):
            return Written(key, None, *units)
        if change.type == pb.UPDATE and not table.definition.table_options.allow_update:
            raise ParameterInvalid(f"Table '{table.name}' does not allow updates.")
        old = None
        if change.reads or change.type == pb.UPDATE or table.indexes:
            old = records.read(self._storage, table, key, now_ms)
        _check_condition(change, old)
        new = _changed(table, change, key, old, now_ms)
        self._replace(table, key, old, new, now_ms)
        return Written(key, new, *units)

    def _put_whole(self, table: Table, key: RowKey, change: Change, now_ms: int) -> bool:
        """Store a put row as it came, if nobody has to look into it or at one that is there."""
        if not change.replaces or self._is_looked_into(table):
            return False
        row = table.id, records.key_bytes(key), now_ms, change.bare
        if change.row_existence == pb.EXPECT_NOT_EXIST:
            return self._storage.put_new(*row)  # one that is there may have expired
        self._storage.put(*row)
        return True

    def _is_looked_into(self, table: Table) -> bool:
        """Whether anyone needs the columns of what is written."""
        watched = self.watcher is not None and self.watcher.has_indexes(table.name)
        return watched or bool(table.indexes) or bool(table.defined_types)

    def _replace(
        self, table: Table, key: RowKey, old: Record | None, new: Record | None, now_ms: int
    ) -> None:
        """Raises ParameterInvalid if an index could not hold the row."""
        before, after = self._indexes.entries(table, old), self._indexes.entries(table, new)
        if new is None:
            self._storage.delete(table.id, records.key_bytes(key))
        else:
            records.write(self._storage, table.id, new, now_ms)
        self._indexes.replace(table, before, after, now_ms)

    def _tell(self, table: str, written: Written) -> None:
        if self.watcher and self.watcher.has_indexes(table):
            columns = written.record.columns if written.record else None
            self.watcher.row_changed(table, tuple(value for _, value in written.key), columns)

    def expire(self) -> None:
        """Take rows out that nobody wrote within their table's time to live.

        Reads hide expired versions at once; this gives their room back and tells the watcher.
        """
        for table in self._tables.data_tables():
            if table.ttl_s >= 0:
                self._expire(table)

    def _expire(self, table: Table) -> None:
        now_ms = self.now_ms()
        for key, stored in self._storage.written_before(table.id, table.oldest_ms(now_ms)):
            if records.live(table, stored, now_ms) is None:
                self._remove(table, key, records.stored_record(stored), now_ms)

    def _remove(self, table: Table, key: bytes, gone: Record, now_ms: int) -> None:
        with self._storage.transaction():
            self._storage.delete(table.id, key)
            self._indexes.replace(table, self._indexes.entries(table, gone), {}, now_ms)
        self._tell(table.name, Written(gone.key, None, 0, 0))

    # What the search engine asks (contract.Rows).

    def scan(self, table: str) -> Iterator[tuple[Key, Columns]]:
        found = records.scan(self._storage, self._tables.get(table), self.now_ms())
        return ((record.values, record.columns) for record in found)

    def read(self, table: str, key: Key) -> Columns | None:
        schema = self._tables.get(table)
        named = list(zip(schema.key_names, key, strict=True))
        record = records.read(self._storage, schema, named, self.now_ms())
        return record.columns if record else None

    def shown(
        self, table: str, keys: Sequence[Key], names: Collection[str]
    ) -> Sequence[bytes | None]:
        return records.shown(self._storage, self._tables.get(table), keys, names, self.now_ms())

    def primary_key(self, table: str) -> tuple[str, ...]:
        return self._tables.get(table).key_names

    def check_indexable(self, table: str) -> None:
        check_indexable(self._tables.get(table).definition.table_options, "search")


def capacity_units(size_bytes: int) -> int:
    """One unit for every 4 KB begun. Source: documentation, "Read and write throughput"."""
    return max(1, -(-size_bytes // 4096))


def _check_condition(change: Change, old: Record | None) -> None:
    if change.row_existence == pb.EXPECT_EXIST and old is None:
        raise ConditionCheckFail
    if change.row_existence == pb.EXPECT_NOT_EXIST and old is not None:
        raise ConditionCheckFail
    if change.condition and not change.condition(old.cells if old else {}):
        raise ConditionCheckFail


def _changed(
    table: Table, change: Change, key: RowKey, old: Record | None, now_ms: int
) -> Record | None:
    if change.type == pb.DELETE:
        return None
    if old is None and change.only_deletes:
        return None
    _check_timestamps(table, change, now_ms)
    if old and change.type == pb.UPDATE:
        cells = cell_rules.update(old.cells, change.cells, now_ms, table.max_versions)
    else:
        cells = cell_rules.put(change.cells, now_ms, table.max_versions)
    record = Record(key, cells)
    if table.defined_types:
        check_defined_types(table, record)
    return record


def _check_timestamps(table: Table, change: Change, now_ms: int) -> None:
    for name, value, timestamp, _ in change.cells:
        if timestamp is not None and value is not None:
            _check_timestamp(table, name, timestamp, now_ms)


def _check_timestamp(table: Table, name: str, timestamp: int, now_ms: int) -> None:
    deviation_ms = table.definition.table_options.deviation_cell_version_in_sec * 1000
    oldest_ms = max(now_ms - deviation_ms, table.oldest_ms(now_ms))
    if not oldest_ms <= timestamp < now_ms + deviation_ms:
        raise ParameterInvalid(f"Invalid timestamp. Cell:'{name}'.")
