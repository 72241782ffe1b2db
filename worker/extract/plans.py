"""What Qwen found in a chunk of a session, kept before anything is done with it.

A worker that dies leaves the plan; the next one goes on with it, without paying again.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.extract.facts import Found
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Plan:
    """For the messages from `since` up to `through` (created_at, µs), both included.

    `vectors` are those of the memories found; None until they were computed. `waited` is how often it
    was put off because the index was too far behind.
    """

    since: int
    through: int
    found: Found
    vectors: tuple[Sequence[float], ...] | None = None
    waited: int = 0
    plan_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Plans:
    """One plan a session, at most. To be used under the session's lease."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)
        self._tombstones = Tombstones(redis, streams)

    def load(self, user_id: str, session_id: str) -> Plan | None:
        raw = cast(
            bytes | None,
            self._redis.hget(self._key(session_id), member(user_id, session_id)),
        )
        return msgspec.msgpack.decode(raw, type=Plan) if raw else None

    def keep(self, user_id: str, session_id: str, plan: Plan) -> None:
        """Raises Busy if what it was found in was forgotten meanwhile: then it is not kept."""
        self._redis.hset(
            self._key(session_id), member(user_id, session_id), msgspec.msgpack.encode(plan)
        )
        # Asked when it is written: a worker may have been stopped for any time before.
        received_ms = plan.found.received_ms
        if received_ms is not None and self._tombstones.covers(user_id, session_id, received_ms):
            self.drop(user_id, session_id)
            raise Busy("what a plan was found in was forgotten meanwhile")

    def drop(self, user_id: str, session_id: str) -> None:
        self._redis.hdel(self._key(session_id), member(user_id, session_id))

    def _key(self, session_id: str) -> str:
        return self._keys.plans(self._keys.streams.partition(session_id))
