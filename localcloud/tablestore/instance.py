"""The instance: storage, tables, rows and search, put together. Knows no HTTP."""

from collections.abc import Callable
from pathlib import Path

from tablestore_memory.localcloud.tablestore.indexes import Later, SecondaryIndexes
from tablestore_memory.localcloud.tablestore.rows import TableRows
from tablestore_memory.localcloud.tablestore.search.engine import SearchEngine
from tablestore_memory.localcloud.tablestore.storage import Storage
from tablestore_memory.localcloud.tablestore.tables import Tables


class Instance:
    """Everything the server holds. Not for several threads."""

    def __init__(
        self,
        path: str | Path,
        *,
        lag_s: tuple[float, float],
        later: Later,
        clock: Callable[[], float],
    ) -> None:
        self.storage = Storage(path)
        self.tables = Tables(self.storage, clock)
        self.indexes = SecondaryIndexes(self.storage, self.tables, later)
        self.rows = TableRows(self.storage, self.tables, self.indexes, clock)
        self.indexes.rebuild_global(self.rows.now_ms())
        self.search = SearchEngine(self.rows, self.storage, lag_s=lag_s, clock=clock)
        self.rows.watcher = self.search

    def close(self) -> None:
        self.storage.close()
