"""What stored messages leave behind: their sessions wait in Redis until they are due for extraction.

Recorded before the entries leave the stream, in the sessions' own partitions, which may stand on other
nodes. Recorded twice it counts double and falls due sooner; never recorded it cannot be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import msgspec
from redis import Redis

from tablestore_memory.protocol.events import Event, Message, SessionEnd
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.extract.due import DuePolicy, member
from tablestore_memory.worker.tokens import tokens_of

# KEYS: pending due   ARGV: msgpack{sessions policy}
# A session is due at once when it is over, has N messages or K tokens; else after it was idle for a
# while, and at the latest when its first waiting message has waited long enough.
_RECORD = """
local work = cmsgpack.unpack(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local policy = work.policy
for _, came in ipairs(work.sessions) do
  local stored = redis.call('HGET', KEYS[1], came.member)
  local wait = {count = 0, tokens = 0, first_ms = now, from_us = came.from_us, over = false}
  if stored then wait = cmsgpack.unpack(stored) end
  wait.count = wait.count + came.count
  wait.tokens = wait.tokens + came.tokens
  wait.from_us = math.min(wait.from_us, came.from_us)
  wait.over = wait.over or came.over
  redis.call('HSET', KEYS[1], came.member, cmsgpack.pack(wait))
  local due = math.min(now + policy.idle_ms, wait.first_ms + policy.max_wait_ms)
  if wait.over or wait.count >= policy.max_messages or wait.tokens >= policy.max_tokens then due = now end
  redis.call('ZADD', KEYS[2], due, came.member)
end
"""


@dataclass(slots=True)
class Came:
    """What one batch adds to a session that waits for extraction."""

    session_id: str
    member: str
    count: int = 0
    tokens: int = 0
    from_us: int = 2**52  # no message yet: later than any
    over: bool = False


def sessions_of(events: Iterable[tuple[bytes, Event]]) -> list[Came]:
    """The sessions that messages and session ends belong to; each event with its JSON."""
    sessions: dict[str, Came] = {}
    for raw, event in events:
        if not isinstance(event, (Message, SessionEnd)):
            continue
        key = member(event.user_id, event.session_id).decode()
        came = sessions.setdefault(key, Came(event.session_id, key))
        if isinstance(event, Message):
            came.count += 1
            came.tokens += tokens_of(raw)
            came.from_us = min(came.from_us, event.created_at)
        else:
            came.over = True
    return list(sessions.values())


def record(redis: Redis, streams: Streams, sessions: Sequence[Came], policy: DuePolicy) -> None:
    """Let the sessions wait; each falls due by the policy."""
    by_partition: dict[int, list[Came]] = {}
    for came in sessions:
        by_partition.setdefault(streams.partition(came.session_id), []).append(came)
    with redis.pipeline(transaction=False) as pipe:
        for partition, group in by_partition.items():
            work = {"sessions": [asdict(came) for came in group], "policy": asdict(policy)}
            keys = [streams.key(partition, name) for name in ("pending", "due")]
            packed = msgspec.msgpack.encode(work)
            # By name: redis-py refuses `eval` in a pipeline of a cluster, though one slot holds the keys.
            pipe.execute_command("EVAL", _RECORD, len(keys), *keys, packed)  # type: ignore[no-untyped-call]
        pipe.execute()
