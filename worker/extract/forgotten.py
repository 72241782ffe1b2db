"""What was forgotten lately: facts that were on their way when it was asked do not come back.

Key of a user's partition: `forgotten:<user>` (hash: session, or nothing for all, to the time in µs up to
which everything is forgotten). It lasts longer than a plan waits.
"""

from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.stores.memories import Memory

_KEPT_S = 30 * 86_400
_ALL = ""


class Forgotten:
    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def note(self, user_id: str, session_id: str | None, before: int) -> None:
        """Before the rows go, so that nothing slips in between."""
        key = self._key(user_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, session_id or _ALL, before)
            pipe.expire(key, _KEPT_S)
            pipe.execute()

    def holds(self, memory: Memory) -> bool:
        """Whether the memory was last said in what is forgotten."""
        names = [_ALL, memory.session_id] if memory.session_id else [_ALL]
        marks = cast(list[bytes | None], self._redis.hmget(self._key(memory.user_id), names))
        return any(mark is not None and memory.stated_at <= int(mark) for mark in marks)

    def _key(self, user_id: str) -> str:
        return self._streams.key(self._streams.partition(user_id), f"forgotten:{user_id}")
