"""News of events: which partitions got some, as soon as they came, and none missed between two looks."""

import time
from collections.abc import Sequence
from typing import Any, cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.clock import now_ms

# Streams of a Redis Cluster stand in different slots, which no blocking read can span.
_POLL_S = 0.025


class Arrivals:
    """Reads on from the last event seen; what is older than the first `begin` is not news."""

    def __init__(self, redis: Redis, streams: Streams, *, blocking: bool) -> None:
        self._redis = redis
        self._streams = streams
        self._blocking = blocking
        self._begun = ""
        self._seen: dict[int, str] = {}
        """The id of the last event that was seen, by partition."""
        self._lengths: list[int] = []

    def begin(self) -> None:
        """Count as news what comes from now on; said again it changes nothing."""
        self._begun = self._begun or f"{now_ms(self._redis)}-0"

    def wait(self, partitions: range, seconds: float) -> list[int]:
        """The partitions where events arrived; none after so many seconds without."""
        if not self._blocking:
            return self._poll(partitions, seconds)
        wait_ms = round(seconds * 1000)
        if wait_ms <= 0:
            return []
        # Not `$`, which skips what came between two reads.
        after: Any = {self._streams.events(p): self._seen.get(p, self._begun) for p in partitions}
        found = cast(Any, self._redis.xread(after, count=1, block=wait_ms)) or []
        first = {name.decode(): _first_id(each) for name, each in dict(found).items()}
        news = {p: first[key] for p in partitions if (key := self._streams.events(p)) in first}
        self._seen |= news
        return sorted(news)

    def seen(self, partitions: Sequence[int]) -> None:
        """What stands in these streams now is no news any more: who drains them finds it."""
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.xrevrange(self._streams.events(partition), count=1)
            for partition, last in zip(partitions, pipe.execute(), strict=True):
                if last:
                    self._seen[partition] = last[0][0].decode()

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


def _first_id(entries: Any) -> str:
    """Of a reply to XREAD: RESP2 has a list of entries for a stream, RESP3 a list of such lists."""
    while isinstance(entries, list):
        entries = entries[0]
    return bytes(entries[0]).decode()
