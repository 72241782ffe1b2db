"""Take stored entries off the stream, in one step with everything that follows from them.

The script checks the lease, so a drain that lost it changes nothing. What follows from a message (its
session will be due for extraction) is recorded in the same step: it is never a Celery message alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import msgspec
from redis import Redis

from producer.events import Forget, Message, Remember, SessionEnd
from producer.streams import EVENT_FIELD, Streams
from worker.errors import Busy
from worker.extract.due import DuePolicy, member, tokens_of
from worker.ingest.batches import Entry, Refused
from worker.lease import LEASE_TTL_MS, Lease

# KEYS: lease events pending due requests dead   ARGV: token ttl_ms msgpack{…} raw…
# Raw events travel beside the msgpack: Lua's reader knows no binary strings. A number is their place in ARGV.
# A session is due at once when it is over, has N messages or K tokens; else after it was idle for a
# while, and at the latest when its first waiting message has waited long enough.
_SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local work = cmsgpack.unpack(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, place in ipairs(work.requests) do
  redis.call('XADD', KEYS[5], '*', work.event_field, ARGV[place])
end
for _, letter in ipairs(work.dead) do
  redis.call('XADD', KEYS[6], '*', work.event_field, ARGV[letter.place],
    'reason', letter.reason, 'queue', 'ingest')
end
local policy = work.policy
for _, came in ipairs(work.sessions) do
  local stored = redis.call('HGET', KEYS[3], came.member)
  local wait = {count = 0, tokens = 0, first_ms = now, from_us = came.from_us, over = false}
  if stored then wait = cmsgpack.unpack(stored) end
  wait.count = wait.count + came.count
  wait.tokens = wait.tokens + came.tokens
  wait.from_us = math.min(wait.from_us, came.from_us)
  wait.over = wait.over or came.over
  redis.call('HSET', KEYS[3], came.member, cmsgpack.pack(wait))
  local due = math.min(now + policy.idle_ms, wait.first_ms + policy.max_wait_ms)
  if wait.over or wait.count >= policy.max_messages or wait.tokens >= policy.max_tokens then due = now end
  redis.call('ZADD', KEYS[4], due, came.member)
end
if #work.ids > 0 then redis.call('XDEL', KEYS[2], unpack(work.ids)) end
return redis.call('XLEN', KEYS[2])
"""


_KEYS = ("lease", "events", "pending", "due", "requests", "dead")
_FIRST_RAW = 4  # place in ARGV


@dataclass(slots=True)
class _Came:
    """What one batch adds to a session that waits for extraction."""

    member: str
    count: int = 0
    tokens: int = 0
    from_us: int = 2**52  # no message yet: later than any
    over: bool = False


def acknowledge(
    redis: Redis,
    streams: Streams,
    partition: int,
    lease: Lease,
    stored: Sequence[Entry],
    refused: Sequence[Refused],
    policy: DuePolicy,
) -> int:
    """Delete the entries and record what follows. Returns how many entries are left.

    Raises Busy if the lease was lost meanwhile; nothing is changed then.
    """
    requests = [entry.raw for entry in stored if isinstance(entry.event, (Remember, Forget))]
    work = {
        "ids": [*(e.entry_id for e in stored), *(e.entry_id for e in refused)],
        "sessions": [asdict(came) for came in _sessions(stored)],
        "requests": list(range(_FIRST_RAW, _FIRST_RAW + len(requests))),
        "dead": [
            {"place": place, "reason": letter.reason}
            for place, letter in enumerate(refused, _FIRST_RAW + len(requests))
        ],
        "policy": asdict(policy),
        "event_field": EVENT_FIELD,
    }
    keys = [streams.key(partition, name) for name in _KEYS]
    raws = [*requests, *(letter.raw for letter in refused)]
    left = redis.eval(
        _SCRIPT, len(keys), *keys, lease.token, LEASE_TTL_MS, msgspec.msgpack.encode(work), *raws
    )
    if int(left) < 0:
        raise Busy(lease.key)
    return int(left)


def _sessions(stored: Iterable[Entry]) -> Iterable[_Came]:
    sessions: dict[str, _Came] = {}
    for entry in stored:
        event = entry.event
        if not isinstance(event, (Message, SessionEnd)):
            continue
        key = member(event.user_id, event.session_id).decode()
        came = sessions.setdefault(key, _Came(key))
        if isinstance(event, Message):
            came.count += 1
            came.tokens += tokens_of(entry.raw)
            came.from_us = min(came.from_us, event.created_at)
        else:
            came.over = True
    return sessions.values()
