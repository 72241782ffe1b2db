"""Rows of secondary indexes, kept as the rows of their table change.

A row is in an index if it has every index column. A local index changes in the transaction of its
table; a global one a few milliseconds later, and is made anew when the server starts, since it may
have died in between.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from tablestore_memory.localcloud.tablestore import records
from tablestore_memory.localcloud.tablestore.cells import Cells
from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.keys import check_row_key
from tablestore_memory.localcloud.tablestore.records import Record
from tablestore_memory.localcloud.tablestore.schema import Index, Table
from tablestore_memory.localcloud.tablestore.storage import Storage
from tablestore_memory.localcloud.tablestore.tables import Tables

GLOBAL_LAG_S: Final = 0.005

Later = Callable[[float, Callable[[], None]], object]  # as asyncio's call_later


class SecondaryIndexes:
    """Keeps indexes equal to their tables."""

    def __init__(self, storage: Storage, tables: Tables, later: Later) -> None:
        self._storage = storage
        self._tables = tables
        self._later = later
        self._pending: deque[tuple[Index, Record | None, Record | None, int]] = deque()

    def entries(self, table: Table, record: Record | None) -> dict[int, Record]:
        """The row's place in each index. Raises ParameterInvalid if an index could not hold it."""
        if record is None:
            return {}
        found = ((index, _entry(table, index, record)) for index in table.indexes)
        return {index.table: entry for index, entry in found if entry is not None}

    def replace(
        self, table: Table, old: dict[int, Record], new: dict[int, Record], now_ms: int
    ) -> None:
        """Local indexes now, inside the caller's transaction; global ones a little later."""
        for index in table.indexes:
            before, after = old.get(index.table), new.get(index.table)
            if index.is_local:
                self._apply(index.table, before, after, now_ms)
            else:
                self._pending.append((index, before, after, now_ms))
                self._later(GLOBAL_LAG_S, self._apply_next)

    def build(self, table: Table, index: Index, now_ms: int) -> None:
        """Make the index of the rows that are there."""
        with self._storage.transaction():
            self._storage.clear(index.table)
            for record in records.scan(self._storage, table, now_ms):
                if entry := _entry(table, index, record):
                    records.write(self._storage, index.table, entry, now_ms)

    def rebuild_global(self, now_ms: int) -> None:
        for table in self._tables.data_tables():
            for index in table.indexes:
                if not index.is_local:
                    self.build(table, index, now_ms)

    def _apply_next(self) -> None:
        """The oldest change still to come: each index sees them in the order of the writes."""
        index, before, after, now_ms = self._pending.popleft()
        if self._tables.has(index):
            self._apply(index.table, before, after, now_ms)

    def _apply(
        self, index_table: int, before: Record | None, after: Record | None, now_ms: int
    ) -> None:
        if before and (after is None or before.key != after.key):
            self._storage.delete(index_table, records.key_bytes(before.key))
        if after:
            records.write(self._storage, index_table, after, now_ms)


def _entry(table: Table, index: Index, record: Record) -> Record | None:
    known: dict[str, Value] = dict(record.key) | record.columns
    names = [name for name, _ in index.primary_key]
    if any(name not in known for name in names):
        return None
    key = check_row_key(index.primary_key, [(name, known[name]) for name in names])
    cells: Cells = {
        name: record.cells[name] for name in index.meta.defined_column if name in record.cells
    }
    return Record(key, cells)


def check_defined_types(table: Table, record: Record) -> None:
    """Raises ParameterInvalid if a defined column that an index needs has another type."""
    columns = record.columns
    for name, (kind, type_name) in table.defined_types.items():
        value = columns.get(name)
        if value is not None and type(value) is not kind:
            raise ParameterInvalid(
                f"Defined column '{name}' of table '{table.name}' must be {type_name}."
            )
