"""What a request to forget has deleted so far, over all workers that were at it; kept a day for who asked.

Key of a partition: `forgotten-by:<event>` (hash: what to how many, and `done`).
"""

from collections.abc import Mapping
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams

_KEPT_S = 86_400
_DONE = "done"


class Tally:
    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def add(self, event_id: str, counts: Mapping[str, int]) -> None:
        """Count what was just deleted; a worker that dies in between leaves it uncounted."""
        key = self._key(event_id)
        with self._redis.pipeline(transaction=True) as pipe:
            for what, count in counts.items():
                pipe.hincrby(key, what, count)
            pipe.expire(key, _KEPT_S)
            pipe.execute()

    def finish(self, event_id: str) -> dict[str, int]:
        """All of it is gone. Returns the counts."""
        self.add(event_id, {_DONE: 1})
        return self.finished(event_id) or {}

    def finished(self, event_id: str) -> dict[str, int] | None:
        """The counts once the request was carried out, else None."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._key(event_id)))
        counts = {what.decode(): int(count) for what, count in found.items()}
        return counts if counts.pop(_DONE, 0) else None

    def _key(self, event_id: str) -> str:
        return self._streams.key(self._streams.partition(event_id), f"forgotten-by:{event_id}")
