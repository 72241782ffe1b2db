"""Take settled entries off the stream: stored, moved on to the requests, or set aside as dead letters.

One script, so that an entry is always in exactly one of these places. It checks the lease: a drain that
lost it changes nothing.
"""

from collections.abc import Sequence

import msgspec
from redis import Redis

from tablestore_memory.protocol.events import Forget, Remember
from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, Streams
from tablestore_memory.worker.deadletters import INGEST
from tablestore_memory.worker.errors import LeaseLost
from tablestore_memory.worker.ingest.batches import Entry, Refused
from tablestore_memory.worker.lease import LEASE_TTL_MS, Lease

# KEYS: lease events requests dead in-flight   ARGV: token ttl_ms msgpack{…} raw…
# Raw events travel beside the msgpack: Lua's reader knows no binary strings. A number is their place in ARGV.
_SCRIPT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local work = cmsgpack.unpack(ARGV[3])
for _, moved in ipairs(work.requests) do
  redis.call('XADD', KEYS[3], '*', work.event_field, ARGV[moved.place], work.received_field, moved.received_ms)
end
for _, letter in ipairs(work.dead) do
  redis.call('XADD', KEYS[4], '*', work.event_field, ARGV[letter.place], work.received_field, letter.received_ms,
    'reason', letter.reason, 'error', letter.error, 'queue', work.queue, 'entry', letter.entry,
    'deliveries', work.deliveries)
end
if #work.ids > 0 then redis.call('XDEL', KEYS[2], unpack(work.ids)) end
local isolated = tonumber(redis.call('HGET', KEYS[5], 'isolated') or 0) - #work.ids
local since = redis.call('HGET', KEYS[5], 'since')
redis.call('DEL', KEYS[5])
if isolated > 0 then redis.call('HSET', KEYS[5], 'isolated', isolated, 'since', since) end
return redis.call('XLEN', KEYS[2])
"""


_KEYS = ("lease", "events", "requests", "dead", "in-flight")
_FIRST_RAW = 4  # place in ARGV


def acknowledge(
    redis: Redis,
    streams: Streams,
    partition: int,
    lease: Lease,
    stored: Sequence[Entry],
    refused: Sequence[Refused],
    *,
    deliveries: int,
) -> int:
    """Delete the entries and put what goes on in its place. Returns how many entries are left.

    Raises LeaseLost if that was so; nothing is changed then.
    """
    requests = [entry.source for entry in stored if isinstance(entry.event, (Remember, Forget))]
    work = {
        "ids": [*(e.source.entry_id for e in stored), *(e.source.entry_id for e in refused)],
        "requests": [
            {"place": place, "received_ms": source.received_ms}
            for place, source in enumerate(requests, _FIRST_RAW)
        ],
        "dead": [
            {
                "place": place,
                "reason": letter.reason,
                "error": letter.error,
                "entry": letter.source.entry_id,
                "received_ms": letter.source.received_ms,
            }
            for place, letter in enumerate(refused, _FIRST_RAW + len(requests))
        ],
        "event_field": EVENT_FIELD,
        "received_field": RECEIVED_FIELD,
        "queue": INGEST,
        "deliveries": deliveries,
    }
    keys = [streams.key(partition, name) for name in _KEYS]
    raws = [source.raw for source in (*requests, *(letter.source for letter in refused))]
    left = redis.eval(
        _SCRIPT, len(keys), *keys, lease.token, LEASE_TTL_MS, msgspec.msgpack.encode(work), *raws
    )
    if int(left) < 0:
        raise LeaseLost(lease.key)
    return int(left)
