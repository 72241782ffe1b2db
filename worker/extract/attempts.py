"""How often a session's extraction failed, and when it is given up.

A failure counts against the session only if others succeeded since it last failed, or if nobody foresaw
it: an outage of the service gives up nothing. Keys: `failed` of a partition (hash: session to failures)
and `<prefix>:extracted` (ms of the last success of any session).
"""

import random
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.errors import Retryable
from tablestore_memory.worker.extract.due import member
from tablestore_memory.worker.redis_clock import now_ms

_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 120.0


class _Failures(msgspec.Struct):
    """`counted` against the session, `seen` in all, the last at `at_ms`."""

    counted: int = 0
    seen: int = 0
    at_ms: int = 0


@dataclass(frozen=True)
class Attempts:
    redis: Redis
    streams: Streams
    allowed: int

    def failed(self, user_id: str, session_id: str, error: Exception) -> float | None:
        """Seconds to wait before the next try: doubling, full jitter. None if it is to be given up."""
        key, name = self._key(session_id), member(user_id, session_id)
        raw = cast(bytes | None, self.redis.hget(key, name))
        failures = msgspec.msgpack.decode(raw, type=_Failures) if raw else _Failures()
        others_succeed = 0 < failures.at_ms <= self._last_success_ms()
        if others_succeed or not isinstance(error, Retryable):
            failures.counted += 1
        failures.seen += 1
        failures.at_ms = now_ms(self.redis)
        self.redis.hset(key, name, msgspec.msgpack.encode(failures))
        if failures.counted >= self.allowed:
            return None
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures.seen - 1, 10))
        return random.uniform(longest_s / 4, longest_s)

    def succeeded(self, user_id: str, session_id: str) -> None:
        self.forget(user_id, session_id)
        self.redis.set(self._success_key, now_ms(self.redis))

    def forget(self, user_id: str, session_id: str) -> None:
        """The session starts anew."""
        self.redis.hdel(self._key(session_id), member(user_id, session_id))

    @property
    def _success_key(self) -> str:
        return f"{self.streams.prefix}:extracted"

    def _last_success_ms(self) -> int:
        return int(cast(bytes | None, self.redis.get(self._success_key)) or 0)

    def _key(self, session_id: str) -> str:
        return self.streams.key(self.streams.partition(session_id), "failed")
