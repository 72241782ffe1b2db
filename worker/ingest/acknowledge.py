"""Take settled entries off the stream: stored, moved on to the requests, or set aside as dead letters.

One script, so that an entry is always in exactly one of these places. It checks the lease: a drain that
lost it changes nothing.
"""

from collections.abc import Sequence

import msgspec
from redis import Redis

from tablestore_memory.protocol.events import Asked
from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, Streams
from tablestore_memory.worker.failures.errors import LeaseLost
from tablestore_memory.worker.ingest.outcome import Outcome
from tablestore_memory.worker.state.dead_letters import INGEST
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.scripts import script


@script
def settle_entries(
    redis: Redis,
    *,
    lease: str,
    events: str,
    requests: str,
    dead: str,
    in_flight: str,
    settled: str,
    token: str,
    ttl_ms: int,
    work: bytes,
    raws: Sequence[bytes],
) -> int: ...


def acknowledge(
    redis: Redis,
    streams: Streams,
    partition: int,
    lease: Lease,
    outcome: Outcome,
    *,
    deliveries: int,
) -> int:
    """Delete the entries and put what goes on in its place. Returns how many entries are left.

    Raises LeaseLost if that was so; nothing is changed then.
    """
    refused = [letter.source for letter in outcome.refused]
    stored = [entry.source for entry in outcome.stored]
    requests = [entry.source for entry in outcome.stored if isinstance(entry.event, Asked)]
    work = {
        "ids": [source.entry_id for source in (*stored, *refused, *outcome.forgotten)],
        "requests": [
            {"raw": place, "received_ms": source.received_ms}
            for place, source in enumerate(requests, 1)
        ],
        "dead": [
            {
                "raw": place,
                "reason": letter.reason,
                "error": letter.error,
                "entry": letter.source.entry_id,
                "received_ms": letter.source.received_ms,
            }
            for place, letter in enumerate(outcome.refused, len(requests) + 1)
        ],
        "settled": {
            "stored": len(stored),
            "rows": len({entry.rows[0] for entry in outcome.stored if entry.rows}),
            "bytes": sum(len(source.raw) for source in stored),
            "refused": len(refused),
            "forgotten": len(outcome.forgotten),
        },
        "event_field": EVENT_FIELD,
        "received_field": RECEIVED_FIELD,
        "queue": INGEST,
        "deliveries": deliveries,
    }
    keys = Keys(streams)
    left = settle_entries(
        redis,
        lease=lease.key,
        events=keys.events(partition),
        requests=keys.requests(partition),
        dead=keys.dead(partition),
        in_flight=keys.in_flight(partition),
        settled=keys.settled(partition),
        token=lease.token,
        ttl_ms=lease.ttl_ms,
        work=msgspec.msgpack.encode(work),
        raws=[source.raw for source in (*requests, *refused)],
    )
    if left < 0:
        raise LeaseLost(lease.key)
    return left
