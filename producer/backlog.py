"""Where accepted events wait for Redis: the interface, and the one in memory.

Callers append from any thread; only the sender takes and settles. Nothing here uses a lock: the
operations of `deque` are atomic, also when a signal handler publishes in the middle of a publish.
"""

from collections import deque
from typing import Protocol

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One encoded event on its way. A struct, for it is made on the publish path."""

    route: int
    """CRC-32 of its partition key; the partition is this modulo their number."""
    accepted_us: int
    data: bytes


class Source(Protocol):
    """Something a sender empties: take a batch, deliver it, settle it, in this order."""

    durable: bool
    """What was taken is still there for the next process until it is settled."""

    def take(self, events: int, size: int) -> list[Record]:
        """The oldest records, at most so many and about so many bytes; [] if there is none."""

    def settle(self) -> None:
        """What was taken is in Redis or given up: forget it."""


class Backlog(Source, Protocol):
    """A source that callers append to."""

    def append(self, record: Record) -> bool:
        """Keep it, from any thread, without waiting. False: no room."""

    def is_empty(self) -> bool:
        """Nothing is left to take."""


class MemoryBacklog:
    """Bounded in events and bytes; gone with the process."""

    durable = False

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._records: deque[Record] = deque()
        self._max_events = max_events
        self._max_bytes = max_bytes
        # Changed by callers and by the sender. CPython switches threads at calls and backward
        # jumps, not within `+=` on an attribute, so no update is lost.
        self.size = 0

    def __len__(self) -> int:
        return len(self._records)

    def append(self, record: Record) -> bool:
        if len(self._records) >= self._max_events or self.size >= self._max_bytes:
            return False
        self.size += len(record.data)
        self._records.append(record)
        return True

    def is_empty(self) -> bool:
        return not self._records

    def take(self, events: int, size: int) -> list[Record]:
        batch: list[Record] = []
        while size > 0 and len(batch) < events and (record := self.pop_oldest()):
            batch.append(record)
            size -= len(record.data)
        return batch

    def settle(self) -> None:
        """Nothing to do: what was taken is no longer here."""

    def pop_oldest(self) -> Record | None:
        try:
            record = self._records.popleft()
        except IndexError:
            return None
        self.size -= len(record.data)
        return record


class Overflow:
    """A first choice, and a second for what the first has no room for.

    While something waits in the second, newer events go there too, so that none overtakes it.
    """

    def __init__(self, first: Backlog, second: Backlog) -> None:
        self.first = first
        self.second = second
        self.spilling = False
        """Set while the first is not to be used."""

    def append(self, record: Record) -> bool:
        if self.spilling or not self.second.is_empty():
            return self.second.append(record) or self.first.append(record)
        return self.first.append(record) or self.second.append(record)
