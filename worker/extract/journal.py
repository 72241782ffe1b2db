"""What is about to change for a user, written down before it is begun.

A worker that dies while it applies leaves its entry; whoever holds the user's lease next ends that first,
so nobody decides on a half-made state. Keys of a user's partition: `journal` (hash: user to what is being
applied) and `applied:<id>` (a day long: a plan that was applied is not decided again).
"""

from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.extract.consolidate import Change

_KNOWN_APPLIED_S = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """The changes of one plan."""

    plan_id: str
    changes: tuple[Change, ...]


class Journal:
    """At most one entry a user. To be used under the user's lease."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def begin(self, user_id: str, entry: Entry) -> None:
        self._redis.hset(self._key(user_id), user_id, msgspec.msgpack.encode(entry))

    def unfinished(self, user_id: str) -> Entry | None:
        raw = cast(bytes | None, self._redis.hget(self._key(user_id), user_id))
        return msgspec.msgpack.decode(raw, type=Entry) if raw else None

    def end(self, user_id: str, plan_id: str) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._key(user_id), user_id)
            pipe.set(self._applied(user_id, plan_id), 1, ex=_KNOWN_APPLIED_S)
            pipe.execute()

    def was_applied(self, user_id: str, plan_id: str) -> bool:
        return bool(self._redis.exists(self._applied(user_id, plan_id)))

    def _key(self, user_id: str) -> str:
        return self._streams.key(self._streams.partition(user_id), "journal")

    def _applied(self, user_id: str, plan_id: str) -> str:
        return self._streams.key(self._streams.partition(user_id), f"applied:{plan_id}")
