"""News of events: which partitions got some, as soon as they came, and none missed between two looks."""

import time
from typing import Any, cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams

_LAST_OF_MS = 2**64 - 1  # the highest number within a millisecond of ids
# Streams of a Redis Cluster stand in different slots, which no blocking read can span.
_POLL_S = 0.025


class Arrivals:
    """Reads on from the last event seen; what is older than the first `begin` is not news."""

    def __init__(self, redis: Redis, streams: Streams, *, blocking: bool) -> None:
        self._redis = redis
        self._streams = streams
        self._blocking = blocking
        self._seen_ms = 0
        self._fired: set[int] = set()
        self._lengths: list[int] = []

    def begin(self) -> None:
        """Count as news what comes from now on; said again it changes nothing."""
        if not self._seen_ms:
            self._seen_ms = int(self._redis.time()[0]) * 1000

    def wait(self, partitions: range, seconds: float) -> list[int]:
        """The partitions where events arrived; none after so many seconds without."""
        if not self._blocking:
            return self._poll(partitions, seconds)
        wait_ms = round(seconds * 1000)
        if wait_ms <= 0:
            return []
        after: Any = {self._streams.events(p): self._after(p) for p in partitions}
        found = cast(Any, self._redis.xread(after, count=1, block=wait_ms)) or []
        entries = dict(found.items() if isinstance(found, dict) else found)
        return self._note(partitions, {name.decode(): each for name, each in entries.items()})

    def _after(self, partition: int) -> str:
        """The id after which an entry is news. Not `$`, which skips what came between two reads."""
        if partition in self._fired:
            return f"{self._seen_ms}-{_LAST_OF_MS}"
        return f"{self._seen_ms - 1}-{_LAST_OF_MS}"

    def _note(self, partitions: range, entries: dict[str, Any]) -> list[int]:
        """An id begins with the millisecond: until the latest of these, the other streams were silent."""
        if not entries:
            return []
        ids = [_first_id(each) for each in entries.values()]
        self._seen_ms = max(int(name.partition(b"-")[0]) for name in ids)
        self._fired = {p for p in partitions if self._streams.events(p) in entries}
        return sorted(self._fired)

    def _poll(self, partitions: range, seconds: float) -> list[int]:
        """Partitions with entries, once the number of any changed since the last look."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with self._redis.pipeline(transaction=False) as pipe:
                for partition in partitions:
                    pipe.xlen(self._streams.events(partition))
                lengths, before = pipe.execute(), self._lengths
            self._lengths = lengths
            if lengths != before and any(lengths):
                return [p for p, n in enumerate(lengths) if n]
            time.sleep(_POLL_S)
        return []


def _first_id(entries: Any) -> bytes:
    """Of a reply to XREAD: RESP2 has a list of entries for a stream, RESP3 a list of such lists."""
    while isinstance(entries, list):
        entries = entries[0]
    return bytes(entries[0])
