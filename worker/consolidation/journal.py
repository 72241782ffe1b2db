"""What is about to change for a user, written down before it is begun.

A worker that dies while it applies leaves its entry; whoever holds the user's lease next ends that first,
so nobody decides on a half-made state. Keys of a user's partition: `journal` (hash: user to what is being
applied) and `applied:<user>` (sorted set: plans by the time in ms when they were applied; a day long they
are not decided again). Only who holds the user's lease writes either.
"""

from dataclasses import dataclass
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.consolidate import Change
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.state.lease import Lease

_KNOWN_APPLIED_MS = 86_400_000

# KEYS: lease journal   ARGV: token user entry
_BEGIN = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
"""

# KEYS: lease journal applied   ARGV: token user plan known_ms
_END = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], now, ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[4])
return redis.call('PEXPIRE', KEYS[3], ARGV[4])
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """The changes of one plan."""

    plan_id: str
    changes: tuple[Change, ...]


class Journal:
    """At most one entry a user."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def begin(self, user_id: str, entry: Entry, lease: Lease) -> None:
        """Raises Busy if the lease was lost."""
        arguments: list[Any] = [lease.token, user_id, msgspec.msgpack.encode(entry)]
        self._under(lease, _BEGIN, [self._key(user_id)], arguments)

    def unfinished(self, user_id: str) -> Entry | None:
        raw = cast(bytes | None, self._redis.hget(self._key(user_id), user_id))
        return msgspec.msgpack.decode(raw, type=Entry) if raw else None

    def end(self, user_id: str, plan_id: str, lease: Lease) -> None:
        """Raises Busy if the lease was lost."""
        keys = [self._key(user_id), self.applied_key(user_id)]
        self._under(lease, _END, keys, [lease.token, user_id, plan_id, _KNOWN_APPLIED_MS])

    def was_applied(self, user_id: str, plan_id: str) -> bool:
        return self._redis.zscore(self.applied_key(user_id), plan_id) is not None

    def _under(self, lease: Lease, script: str, keys: list[str], arguments: list[Any]) -> None:
        keys = [lease.key, *keys]
        if int(self._redis.eval(script, len(keys), *keys, *arguments)) < 0:
            raise Busy(lease.key)

    def _key(self, user_id: str) -> str:
        return self._streams.key(self._streams.partition(user_id), "journal")

    def applied_key(self, user_id: str) -> str:
        return self._streams.key(self._streams.partition(user_id), f"applied:{user_id}")
