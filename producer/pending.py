"""What this process published and has not seen in the store yet, so that it reads its own writes.

Bounded: an agent that never reads must not keep everything. What is pushed out is stored all the
same; this process just does not see it before it is.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from typing import Generic, TypeVar

from tablestore_memory.producer.publisher import Publisher

K = TypeVar("K", bound=Hashable)
I = TypeVar("I", bound=Hashable)  # noqa: E741 - the id of an entry
V = TypeVar("V")

MAX_PENDING = 5_000
"""Entries of one service: seconds of a busy process while all is well, the latest while it is not."""


class Pending(Generic[K, I, V]):
    """Entries by id under a key (a session, a user), in the order of publishing."""

    def __init__(self, limit: int = MAX_PENDING) -> None:
        self._limit = limit
        self._count = 0
        self._entries: OrderedDict[K, OrderedDict[I, V]] = OrderedDict()

    def add(self, key: K, entry_id: I, value: V) -> None:
        entries = self._entries.setdefault(key, OrderedDict())
        self._count += entry_id not in entries
        entries[entry_id] = value
        if self._count > self._limit:
            oldest = next(iter(self._entries))
            self.discard(oldest, [next(iter(self._entries[oldest]))])

    def of(self, key: K) -> dict[I, V]:
        return dict(self._entries.get(key, {}))

    def keys(self, chosen: Callable[[K], bool]) -> list[K]:
        return [key for key in self._entries if chosen(key)]

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


@cache
def shared_publisher() -> Publisher:
    """The publisher of all services and adapters that were given none: one thread, one journal a process."""
    return Publisher()
