"""What this process published and has not seen in the store yet, so that it reads its own writes.

Bounded: an agent that never reads must not keep everything, and what is never seen in the store may have been
forgotten by another process. What is let go is stored all the same; this process does not see it before it is.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from tablestore_memory.producer.once import once
from tablestore_memory.producer.publisher import Publisher

K = TypeVar("K", bound=Hashable)
I = TypeVar("I", bound=Hashable)  # noqa: E741 - the id of an entry
V = TypeVar("V")

MAX_PENDING = 5_000
"""Entries of one service: seconds of a busy process while all is well, the latest while it is not."""
KEPT_S = 300.0
"""While all is well an entry is stored within a second; what is not after minutes may have been forgotten."""


class Pending(Generic[K, I, V]):
    """Entries by id under a key (a session, a user), in the order of publishing."""

    def __init__(
        self,
        limit: int = MAX_PENDING,
        *,
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._kept_s = kept_s
        self._clock = clock
        self._count = 0
        self._entries: OrderedDict[K, OrderedDict[I, tuple[float, V]]] = OrderedDict()

    def add(self, key: K, entry_id: I, value: V) -> None:
        entries = self._entries.setdefault(key, OrderedDict())
        self._count += entry_id not in entries
        entries[entry_id] = self._clock(), value
        if self._count > self._limit:
            oldest = next(iter(self._entries))
            self.discard(oldest, [next(iter(self._entries[oldest]))])

    def of(self, key: K) -> dict[I, V]:
        """Those of a key that were added lately."""
        entries, oldest = self._entries.get(key), self._clock() - self._kept_s
        if entries is None:
            return {}
        self.discard(key, [each for each, (added, _) in entries.items() if added < oldest])
        return {each: value for each, (_, value) in entries.items()}

    def keys(self, chosen: Callable[[K], bool]) -> list[K]:
        return [key for key in list(self._entries) if chosen(key) and self.of(key)]

    def discard(self, key: K, entry_ids: Iterable[I]) -> None:
        """They are in the store, or given up."""
        entries = self._entries.get(key)
        if entries is None:
            return
        for entry_id in entry_ids:
            if entry_id in entries:
                del entries[entry_id]
                self._count -= 1
        if not entries:
            del self._entries[key]


@once
def shared_publisher() -> Publisher:
    """The publisher of all services and adapters that were given none: one thread, one journal a process."""
    return Publisher()
