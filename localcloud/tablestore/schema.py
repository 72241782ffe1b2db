"""Definitions of tables and secondary indexes: what the service takes, and makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import limits
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid, UnsupportOperation
from tablestore_memory.localcloud.tablestore.keys import Schema

DEFAULT_DEVIATION_S = 86_400
_KEY_TYPE_OF_DEFINED: dict[int, int] = {
    pb.DCT_INTEGER: pb.INTEGER,
    pb.DCT_STRING: pb.STRING,
    pb.DCT_BLOB: pb.BINARY,
}
_DEFINED_TYPES: dict[int, tuple[type, str]] = {
    pb.DCT_INTEGER: (int, "INTEGER"),
    pb.DCT_DOUBLE: (float, "DOUBLE"),
    pb.DCT_BOOLEAN: (bool, "BOOLEAN"),
    pb.DCT_STRING: (str, "STRING"),
    pb.DCT_BLOB: (bytes, "BINARY"),
}
_INT64_MAX = 2**63 - 1


@dataclass(slots=True)
class Index:
    """A secondary index; `table` is the id its rows are stored under."""

    table: int
    meta: pb.IndexMeta
    primary_key: Schema

    @property
    def is_local(self) -> bool:
        return bool(self.meta.index_type == pb.IT_LOCAL_INDEX)


@dataclass(slots=True)
class Table:
    """A data table, or a secondary index seen as the table it is read as."""

    id: int
    name: str
    created_s: int
    definition: pb.CreateTableRequest
    primary_key: Schema
    base: str | None = None
    indexes: list[Index] = field(default_factory=list)
    defined_types: dict[str, tuple[type, str]] = field(init=False)

    def __post_init__(self) -> None:
        defined = self.definition.table_meta.defined_column
        self.defined_types = {column.name: _DEFINED_TYPES[column.type] for column in defined}

    @property
    def max_versions(self) -> int:
        return int(self.definition.table_options.max_versions)

    @property
    def ttl_s(self) -> int:
        """Seconds a version lives, -1 for ever."""
        return int(self.definition.table_options.time_to_live)

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.primary_key)

    def oldest_ms(self, now_ms: int) -> int:
        """Versions up to this one have expired."""
        return -1 if self.ttl_s < 0 else now_ms - self.ttl_s * 1000


def table_schema(meta: pb.TableMeta) -> Schema:
    return tuple((column.name, column.type) for column in meta.primary_key)


def index_schema(table: pb.TableMeta, index: pb.IndexMeta) -> Schema:
    """The index's own columns, then those of the table's key it lacks."""
    types = dict(table_schema(table))
    types |= {c.name: _KEY_TYPE_OF_DEFINED.get(c.type, -1) for c in table.defined_column}
    rest = [name for name, _ in table_schema(table) if name not in index.primary_key]
    return tuple((name, types[name]) for name in [*index.primary_key, *rest])


def check_table(meta: pb.TableMeta) -> None:
    """Raises ParameterInvalid, or UnsupportOperation for auto-increment keys."""
    limits.check_table_name(meta.table_name)
    if not 1 <= len(meta.primary_key) <= limits.PRIMARY_KEY_COLUMNS:
        raise ParameterInvalid("The number of primary key columns must be in range: [1, 4].")
    names: set[str] = set()
    for column in meta.primary_key:
        limits.check_column_name(column.name)
        if column.HasField("option"):
            raise UnsupportOperation("Auto-increment primary key columns are not supported.")
        if column.type == pb.PK_BOOLEAN:
            raise ParameterInvalid("BOOLEAN is an invalid type for the primary key.")
        if column.name in names:
            raise ParameterInvalid(f"Duplicated primary key name: '{column.name}'.")
        names.add(column.name)
    _check_defined_columns(meta, names)


def _check_defined_columns(meta: pb.TableMeta, names: set[str]) -> None:
    if len(meta.defined_column) > limits.DEFINED_COLUMNS:
        raise ParameterInvalid("The number of defined columns must be in range: [0, 32].")
    for column in meta.defined_column:
        limits.check_column_name(column.name)
        if column.name in names:
            raise ParameterInvalid(f"Duplicated defined column name: '{column.name}'.")
        names.add(column.name)


def complete_options(options: pb.TableOptions) -> None:
    """Fill in the service's defaults, then check. Raises ParameterInvalid."""
    if not options.HasField("time_to_live"):
        options.time_to_live = -1
    if not options.HasField("max_versions"):
        options.max_versions = 1
    if not options.HasField("deviation_cell_version_in_sec"):
        options.deviation_cell_version_in_sec = DEFAULT_DEVIATION_S
    if not options.HasField("allow_update"):
        options.allow_update = True
    check_options(options)


def check_options(options: pb.TableOptions) -> None:
    """Raises ParameterInvalid."""
    if options.time_to_live == 0 or options.time_to_live < -1:
        raise ParameterInvalid("TimeToLive cannot be 0 or less than -1.")
    if 0 < options.time_to_live < limits.MIN_TTL_S:
        raise ParameterInvalid(f"TimeToLive must be -1 or at least {limits.MIN_TTL_S} seconds.")
    if options.max_versions <= 0:
        raise ParameterInvalid("The maximum versions cannot be less than or equal to 0.")
    if not 0 < options.deviation_cell_version_in_sec <= _INT64_MAX // 1_000_000:
        raise ParameterInvalid("The maximum deviation must be in range [0, INT64_MAX/1000000].")


def check_indexable(options: pb.TableOptions, kind: str) -> None:
    """Raises ParameterInvalid if such a table can have no index, secondary or search.

    Source: documentation, "Limits on secondary indexes"; CreateSearchIndex, usage notes.
    """
    if options.max_versions != 1:
        raise ParameterInvalid(f"A table with a {kind} index must have max versions of 1.")
    if options.time_to_live != -1 and options.allow_update:
        raise ParameterInvalid(
            f"A table with a {kind} index must not expire unless updates are prohibited."
        )


def check_index(definition: pb.CreateTableRequest, index: pb.IndexMeta) -> None:
    """Raises ParameterInvalid."""
    limits.check_table_name(index.name)
    _check_index_columns(definition.table_meta, index)
    check_indexable(definition.table_options, "secondary")
    is_local = index.index_type == pb.IT_LOCAL_INDEX
    first = definition.table_meta.primary_key[0].name
    if is_local and index.primary_key[0] != first:
        raise ParameterInvalid(
            f"The first primary key column of a local index must be the table's: '{first}'."
        )
    if is_local != (index.index_update_mode == pb.IUM_SYNC_INDEX):
        raise ParameterInvalid("A local index is synchronous, a global one is not.")


def _check_index_columns(table: pb.TableMeta, index: pb.IndexMeta) -> None:
    if not 1 <= len(index.primary_key) <= limits.INDEX_KEY_COLUMNS:
        raise ParameterInvalid(
            "The number of primary key columns must be in range: [1, 4] in index."
        )
    if len(index.defined_column) > limits.INDEX_DEFINED_COLUMNS:
        raise ParameterInvalid(
            "The number of attribute columns must be in range: [0, 32] in index."
        )
    keys = {column.name for column in table.primary_key}
    defined = {column.name: column.type for column in table.defined_column}
    for name in index.primary_key:
        if name not in keys and name not in defined:
            raise ParameterInvalid(f"Column does not exist:'{name}'.")
        if name in defined and defined[name] not in _KEY_TYPE_OF_DEFINED:
            raise ParameterInvalid("Invalid column type, only STRING,INTEGER,BINARY is allowed.")
    for name in index.defined_column:
        if name not in defined:
            raise ParameterInvalid(f"Column does not exist:'{name}'.")
    columns = [*index.primary_key, *index.defined_column]
    if len(set(columns)) != len(columns):
        raise ParameterInvalid(f"Duplicated column name in index '{index.name}'.")
