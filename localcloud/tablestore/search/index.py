"""One search index: its definition, its documents and the changes on their way to them.

A new index first takes in the whole table, one lag after it was made (phase FULL), then follows its
changes (phase INCR).
"""

import random
from collections.abc import Callable

from tablestore_memory.localcloud.tablestore.contract import Columns, Key, Rows
from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tablestore_memory.localcloud.tablestore.search.schema import Definition
from tablestore_memory.localcloud.tablestore.search.sync import SyncQueue


class SearchIndex:
    """An index over one table."""

    def __init__(
        self,
        table: str,
        name: str,
        definition: Definition,
        rows: Rows,
        lag_s: tuple[float, float],
        clock: Callable[[], float],
    ) -> None:
        self.table, self.name, self.definition = table, name, definition
        self.primary_key = rows.primary_key(table)
        self.documents = Documents(definition.fields, self.primary_key)
        self.queue = SyncQueue(lag_s, clock)
        self._rows, self._clock = rows, clock
        self._full_at: float | None = clock() + random.uniform(*lag_s)

    @property
    def is_full(self) -> bool:
        """Whether the index has yet to take in the rows that were there before it."""
        return self._full_at is not None

    def row_changed(self, key: Key, columns: Columns | None) -> None:
        """Queue a committed write. Before the full phase it is not needed: that reads the table."""
        if self.is_full:
            return
        if columns is not None:
            columns = {name: columns[name] for name in self.definition.fields if name in columns}
        self.queue.put(key, columns)

    def catch_up(self) -> None:
        """Make visible what is due."""
        if self._full_at is not None:
            if self.queue.paused or self._full_at > self._clock():
                return
            self.rebuild()
        for key, columns in self.queue.due():
            if columns is None:
                self.documents.delete(key)
            else:
                self.documents.put(key, columns)

    def rebuild(self) -> None:
        """Take in the whole table as it is now."""
        self._full_at = None
        for key, columns in self._rows.scan(self.table):
            self.documents.put(key, columns)
