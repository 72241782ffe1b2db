"""What Qwen said about a piece of a session, kept before it is applied.

A worker that dies in between leaves the plan; the next one applies it, without paying or deciding again.
"""

from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from producer.streams import Streams
from worker.extract.consolidate import Change
from worker.extract.due import member
from worker.extract.facts import Found


@dataclass(frozen=True, slots=True)
class Plan:
    """For the messages after `since` up to `through` (created_at, µs).

    `changes` is None until it was decided what the facts change.
    """

    since: int
    through: int
    found: Found
    changes: tuple[Change, ...] | None = None


class Plans:
    """One plan a session, at most."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def load(self, user_id: str, session_id: str) -> Plan | None:
        raw = cast(
            bytes | None,
            self._redis.hget(self._key(session_id), member(user_id, session_id)),
        )
        return msgspec.msgpack.decode(raw, type=Plan) if raw else None

    def keep(self, user_id: str, session_id: str, plan: Plan) -> None:
        self._redis.hset(
            self._key(session_id), member(user_id, session_id), msgspec.msgpack.encode(plan)
        )

    def drop(self, user_id: str, session_id: str) -> None:
        self._redis.hdel(self._key(session_id), member(user_id, session_id))

    def _key(self, session_id: str) -> str:
        return self._streams.key(self._streams.partition(session_id), "plans")
