"""The lag between a table and its index: changes wait here until they are due.

Each change waits its own random time, yet no change of a row overtakes an earlier one of that row.
A paused queue holds everything back until it is resumed.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.contract import Columns, Key


class _Change(NamedTuple):
    due_at: float
    number: int  # in order of arrival, so that equal times keep it
    arrived_at: float
    key: Key
    columns: Columns | None


class SyncQueue:
    """Committed changes of one table on their way into one index."""

    def __init__(self, lag_s: tuple[float, float], clock: Callable[[], float]) -> None:
        self.lag_s = lag_s
        self.paused = False
        self._clock = clock
        self._changes: list[_Change] = []
        self._last_due: dict[Key, float] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._changes)

    def put(self, key: Key, columns: Columns | None) -> None:
        """Queue the row as it is after a write; None for a deleted row."""
        now = self._clock()
        due_at = max(now + random.uniform(*self.lag_s), self._last_due.get(key, now))
        self._last_due[key] = due_at
        self._number += 1
        heapq.heappush(self._changes, _Change(due_at, self._number, now, key, columns))

    def due(self) -> Iterator[tuple[Key, Columns | None]]:
        """Take out the changes whose time has come, in order."""
        now = self._clock()
        while self._changes and not self.paused and self._changes[0].due_at <= now:
            change = heapq.heappop(self._changes)
            if self._last_due.get(change.key) == change.due_at:
                del self._last_due[change.key]
            yield change.key, change.columns

    def in_sync_until(self) -> float:
        """Every change that arrived before this moment is in the index."""
        return min((change.arrived_at for change in self._changes), default=self._clock())
