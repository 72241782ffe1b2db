"""What Qwen found in the chunks of a session, kept before anything is done with it.

A worker that dies leaves its plans; the next one goes on with them, without paying again.
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
    """The plans of a session that were not carried out, in order. To be used under the session's lease."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)
        self._tombstones = Tombstones(redis, streams)

    def load(self, user_id: str, session_id: str) -> tuple[Plan, ...]:
        raw = cast(
            bytes | None,
            self._redis.hget(self._key(session_id), member(user_id, session_id)),
        )
        # One by itself is of a release that asked about one chunk at a time.
        found = msgspec.msgpack.decode(raw, type=Plan | tuple[Plan, ...]) if raw else ()
        return (found,) if isinstance(found, Plan) else found

    def keep(self, user_id: str, session_id: str, *plans: Plan) -> None:
        """These and no others. Raises Busy, and keeps none, if what one was found in was forgotten meanwhile."""
        self.replace(user_id, session_id, plans)
        self.drop_forgotten(user_id, session_id, plans)

    def replace(self, user_id: str, session_id: str, plans: Sequence[Plan]) -> None:
        """Before `drop_forgotten` is asked, as a worker may have been stopped for any time before it writes."""
        if plans:
            packed = msgspec.msgpack.encode(tuple(plans))
            self._redis.hset(self._key(session_id), member(user_id, session_id), packed)
        else:
            self.drop(user_id, session_id)

    def drop_forgotten(self, user_id: str, session_id: str, plans: Sequence[Plan]) -> None:
        """Raises Busy, and keeps none, if what one of these was found in was forgotten meanwhile."""
        receipts = [plan.found.received_ms for plan in plans]
        received_ms = min((ms for ms in receipts if ms is not None), default=None)
        if received_ms is not None and self._tombstones.covers(user_id, session_id, received_ms):
            self.drop(user_id, session_id)
            raise Busy("what a plan was found in was forgotten meanwhile")

    def drop(self, user_id: str, session_id: str) -> None:
        self._redis.hdel(self._key(session_id), member(user_id, session_id))

    def _key(self, session_id: str) -> str:
        return self._keys.plans(self._keys.streams.partition(session_id))
