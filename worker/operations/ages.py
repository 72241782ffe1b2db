"""How long the oldest of what is on its way has waited, stage by stage. Reads Redis only."""

from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS, active_partitions

# What is due longest waits longest, more or less: the others of a partition need not be looked at.
_SESSIONS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds since the oldest event or request came into its stream, the first message that waits in a
    session was stored, a memory that the index does not show was written, and a dead letter was set aside; 0 if
    there is none."""

    oldest_event_s: float
    oldest_request_s: float
    oldest_session_s: float
    oldest_unsearchable_s: float
    oldest_dead_s: float


def ages(redis: Redis, streams: Streams) -> Ages:
    now, state = now_ms(redis), range(STATE_PARTITIONS)
    partitions = active_partitions(redis, streams)
    keys, due = Keys(streams), DueSessions(redis, streams)
    sessions = [
        first_ms for p in state for first_ms in due.waiting(p, _SESSIONS_LOOKED_AT).values()
    ]
    ages_ms = (
        now - _first_entry_ms(redis, partitions, keys.events, now),
        now - _first_entry_ms(redis, partitions, keys.requests, now),
        now - min(sessions, default=now),
        UnindexedMemories(redis, streams).oldest_ms(state),
        now - _first_entry_ms(redis, partitions, keys.dead, now),
    )
    return Ages(*(round(max(0, age_ms) / 1000, 1) for age_ms in ages_ms))


def _first_entry_ms(
    redis: Redis, partitions: range, key: Callable[[int], str], default: int
) -> int:
    """When the oldest entry came into any of the streams: its id begins with the milliseconds."""
    with redis.pipeline(transaction=False) as pipe:
        for p in partitions:
            pipe.xrange(key(p), count=1)
        found = [each[0][0] for each in pipe.execute() if each]
    return min((int(entry_id.partition(b"-")[0]) for entry_id in found), default=default)
