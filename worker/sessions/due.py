"""When a session is extracted: it waits in Redis, falls due, is begun and settled.

Keys of a partition: `pending` (hash: what waits, by session), `active` (hash: what an extraction took),
`due` (sorted set: session by time in ms), `given-up` (hash: why, by session). `due` keeps a session until
it is settled or given up, so an extraction that was lost is found again by the sweep. What was given up
stays in `active`: the next message of the session, or a person, makes it due again with all that waits.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.clock import now_ms

# A session that was taken and never settled is due again after this time: late enough that few are still being
# extracted, soon enough that those a dying worker had in its hands are not held up for long, twice if need be.
_HOLD_MS = 15_000

FROM_WATERMARK = 2**52
"""In place of a created_at: later than any, so that the watermark alone tells where to begin."""

_CLAIM = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], member) end
return due
"""

# What a lost extraction had taken is joined with what came since.
_BEGIN = """
local pending = redis.call('HGET', KEYS[1], ARGV[1])
local active = redis.call('HGET', KEYS[2], ARGV[1])
if not pending then return active end
local wait = cmsgpack.unpack(pending)
if active then
  local old = cmsgpack.unpack(active)
  wait.from_us = math.min(wait.from_us, old.from_us)
  wait.count = wait.count + old.count
  wait.first_ms = math.min(wait.first_ms, old.first_ms)
end
local joined = cmsgpack.pack(wait)
redis.call('HSET', KEYS[2], ARGV[1], joined)
redis.call('HDEL', KEYS[1], ARGV[1])
return joined
"""

# Where the watermark alone tells where to begin, it goes on doing so.
_DONE_UP_TO = """
local active = redis.call('HGET', KEYS[1], ARGV[1])
if not active then return end
local wait = cmsgpack.unpack(active)
if wait.from_us > tonumber(ARGV[2]) then return end
wait.from_us = tonumber(ARGV[2]) + 1
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(wait))
"""

_SETTLE = """
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then redis.call('ZREM', KEYS[3], ARGV[1]) end
"""

# What waits no more was forgotten meanwhile, and leaves no reason behind.
_GIVE_UP = """
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
"""

# Only if nothing waits already, unless it is wanted in any case.
_ADD = """
local waits = redis.call('HEXISTS', KEYS[1], ARGV[1]) + redis.call('HEXISTS', KEYS[2], ARGV[1])
if waits > 0 and ARGV[3] == '0' then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HGET', KEYS[1], ARGV[1])
local wait = {count = 0, tokens = 0, first_ms = now, from_us = tonumber(ARGV[2]), ended = true}
if stored then
  wait = cmsgpack.unpack(stored)
  wait.from_us = math.min(wait.from_us, tonumber(ARGV[2]))
end
redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(wait))
redis.call('ZADD', KEYS[3], now, ARGV[1])
return 1
"""

_POSTPONE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class DuePolicy:
    """A session is due when idle for `idle_ms`, or at N messages, K tokens, or the longest wait."""

    idle_ms: int
    max_messages: int
    max_tokens: int
    max_wait_ms: int


class Waiting(msgspec.Struct):
    """What waits in a session; `from_us` is the earliest created_at not extracted yet."""

    count: int
    tokens: float
    first_ms: float
    from_us: int
    ended: bool


def member(user_id: str, session_id: str) -> bytes:
    """A session's name in the hashes and the sorted set."""
    return msgspec.json.encode([user_id, session_id])


def members_of(user_id: str) -> bytes:
    """A pattern for SCAN: the names of what is this user's, whatever the session or document."""
    begin = msgspec.json.encode([user_id])[:-1] + b","
    return re.sub(rb"([\\*?\[\]])", rb"\\\1", begin) + b"*"


def session_of(name: bytes) -> tuple[str, str]:
    return msgspec.json.decode(name, type=tuple[str, str])


class DueSessions:
    """The waiting sessions of all partitions."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def claim(self, partition: int, limit: int = 50) -> list[tuple[str, str]]:
        """Sessions due now; each will not be due again for a while."""
        key = self._streams.key(partition, "due")
        due = cast(list[bytes], self._redis.eval(_CLAIM, 1, key, _HOLD_MS, limit))
        return [session_of(name) for name in due]

    def counts(self, partitions: Iterable[int]) -> list[int]:
        """How many sessions are due now, by partition."""
        now = now_ms(self._redis)
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.zcount(self._streams.key(partition, "due"), "-inf", now)
            return [int(count) for count in pipe.execute()]

    def begin(self, user_id: str, session_id: str) -> Waiting | None:
        """Take what waits in a session; None if nothing does. Until settled it can be taken again."""
        keys = self._keys(session_id, "pending", "active")
        raw = cast(
            bytes | None, self._redis.eval(_BEGIN, len(keys), *keys, member(user_id, session_id))
        )
        return msgspec.msgpack.decode(raw, type=Waiting, strict=False) if raw else None

    def done_up_to(self, user_id: str, session_id: str, through: int) -> None:
        """What was taken is extracted up to `through` (created_at, µs): a later try begins after it."""
        (key,) = self._keys(session_id, "active")
        self._redis.eval(_DONE_UP_TO, 1, key, member(user_id, session_id), through)

    def settle(self, user_id: str, session_id: str) -> None:
        """What was taken is extracted; the session leaves unless something came meanwhile."""
        keys = self._keys(session_id, "pending", "active", "due", "given-up")
        self._redis.eval(_SETTLE, len(keys), *keys, member(user_id, session_id))

    def add(self, user_id: str, session_id: str, from_us: int, *, force: bool = True) -> bool:
        """Make a session due now, for its messages from `from_us` (created_at) on.

        With `force` false only if nothing waits in it; False if that was so.
        """
        keys = self._keys(session_id, "pending", "active", "due")
        name = member(user_id, session_id)
        return bool(self._redis.eval(_ADD, len(keys), *keys, name, from_us, int(force)))

    def waiting(self, partition: int, at_most: int | None = None) -> dict[bytes, float]:
        """The sessions that wait in a partition, the first due first: see `first_ms`."""
        key, last = self._streams.key(partition, "due"), -1 if at_most is None else at_most - 1
        return self.first_ms(partition, cast(list[bytes], self._redis.zrange(key, 0, last)))

    def first_ms(self, partition: int, names: Sequence[bytes]) -> dict[bytes, float]:
        """When the first of what waits in each of these sessions came; those that do not wait are left out.

        It stays the same until all of that is extracted, whatever comes meanwhile.
        """
        if not names:
            return {}
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zmscore(self._streams.key(partition, "due"), cast(Any, list(names)))
            for what in ("pending", "active"):
                pipe.hmget(self._streams.key(partition, what), cast(Any, list(names)))
            scores, *waits = pipe.execute()
        found = {}
        for name, score, *raws in zip(names, scores, *waits, strict=True):
            firsts = [
                msgspec.msgpack.decode(raw, type=Waiting, strict=False).first_ms
                for raw in raws
                if raw
            ]
            if score is not None and firsts:
                found[name] = min(firsts)
        return found

    def waits(self, user_id: str, session_id: str) -> bool:
        """False once it is settled, given up or forgotten."""
        (key,) = self._keys(session_id, "due")
        return self._redis.zscore(key, member(user_id, session_id)) is not None

    def give_up(self, user_id: str, session_id: str, reason: str) -> None:
        """Not due any more; what waits stays, and why is kept until it is settled after all."""
        keys = self._keys(session_id, "due", "given-up")
        self._redis.eval(_GIVE_UP, len(keys), *keys, member(user_id, session_id), reason)

    def postpone(self, user_id: str, session_id: str, delay_s: float) -> None:
        """Fall due again after `delay_s`."""
        (key,) = self._keys(session_id, "due")
        self._redis.eval(_POSTPONE, 1, key, round(delay_s * 1000), member(user_id, session_id))

    def _keys(self, session_id: str, *names: str) -> list[str]:
        partition = self._streams.partition(session_id)
        return [self._streams.key(partition, name) for name in names]
