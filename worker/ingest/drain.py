"""One turn at a partition: oldest entries in, rows out, entries off the stream.

Under the partition's lease; a worker that dies leaves its entries where they are, and the next drain
starts at the same ones. Order holds, and every write is idempotent.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import tablestore as ots
from redis import Redis
from redis.exceptions import RedisError

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import (
    Busy,
    Final,
    LeaseLost,
    SystemicFailure,
    WorkerError,
)
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
)
from tablestore_memory.worker.ingest.acknowledge import acknowledge
from tablestore_memory.worker.ingest.batches import Batch, Entry, Refused, build_batch
from tablestore_memory.worker.ingest.late import take_back
from tablestore_memory.worker.ingest.writing import write_batch
from tablestore_memory.worker.sessions.activity import record, sessions_of
from tablestore_memory.worker.sessions.due import DuePolicy
from tablestore_memory.worker.state.entries import (
    InFlight,
    StreamEntry,
    give_back,
    giving_back,
    note_failure,
    take,
)
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.batch import MAX_ROWS
from tablestore_memory.worker.stores.tables import TableNames

# Then another partition gets the process: there may be more of them than processes. Longer while full
# batches wait, as they are cheaper than turns; far below the grace period of a stop.
_TURN_S = 0.05
_FULL_TURN_S = 0.5
log = structlog.get_logger()


@dataclass(frozen=True)
class Ingest:
    """The collaborators of a drain."""

    redis: Redis
    streams: Streams
    client: ots.OTSClient
    names: TableNames
    policy: DuePolicy
    isolation: Isolation
    probe: Probe
    tombstones: Tombstones
    clock: Callable[[], float] = time.monotonic


def drain(ingest: Ingest, partition: int) -> int:
    """Store what waits in a partition, for one turn. Returns how many entries are left.

    Raises Busy if another drain holds the partition, else what kept a row from being stored: whatever
    could be stored is, and is acknowledged; the rest stays in the stream.
    """
    keys, redis = Keys(ingest.streams), ingest.redis
    with Lease(redis, keys.lease(partition)) as lease:
        began = ingest.clock()
        left = 1
        while left and ingest.clock() - began < (_TURN_S if left < MAX_ROWS else _FULL_TURN_S):
            left = _one_batch(ingest, partition, lease)
    return left or int(redis.xlen(keys.events(partition)))


def _one_batch(ingest: Ingest, partition: int, lease: Lease) -> int:
    """Settle the front, or note what kept it from being settled if that was its own fault."""
    keys = Keys(ingest.streams)
    events, in_flight = keys.events(partition), keys.in_flight(partition)
    taken = take(ingest.redis, lease, events, in_flight, MAX_ROWS)
    if not taken.entries:
        return 0
    try:
        batch = _batch_of(ingest, taken)
        return _store(ingest, partition, lease, taken, batch)
    except (Busy, RedisError):  # nobody's fault: the next drain takes it from here
        give_back(ingest.redis, in_flight, taken)
        raise
    except Exception as error:
        with giving_back(ingest.redis, in_flight):
            ensure_item_is_to_blame(error, ingest.probe)
        note_failure(ingest.redis, in_flight, Failure.of(error))
        raise


def _batch_of(ingest: Ingest, taken: InFlight) -> Batch:
    """The rows of what was taken; a lone entry that had its chances is refused instead."""
    had_tries = taken.tries - 1
    if not taken.is_alone or not ingest.isolation.is_over_at_head(
        had_tries, taken.failure, taken.troubled_ms
    ):
        return build_batch(taken.entries, ingest.names, ingest.tombstones.upto)
    ensure_item_is_to_blame(None, ingest.probe)
    failure = taken.failure or DIED
    reason = f"{had_tries} tries of it alone failed, while the store answered: {failure.reason}"
    return Batch(refused=[Refused(taken.entries[0], reason, failure.error)])


def _store(ingest: Ingest, partition: int, lease: Lease, taken: InFlight, batch: Batch) -> int:
    started = ingest.clock()
    lease.ensure_held()
    failures = write_batch(ingest.client, batch)
    stored, refused, waiting = _sort_out(batch, failures)
    left = len(taken.entries)
    if stored or refused or batch.forgotten:
        try:
            left = _settle(ingest, partition, lease, stored, refused, batch.forgotten, taken.tries)
        except LeaseLost:
            _take_back(ingest, batch)
            raise
    log.info(
        "batch.stored",
        partition=partition,
        entries=len(stored),
        rows=len({row for entry in stored for row in entry.rows}),
        refused=len(refused),
        forgotten=len(batch.forgotten),
        again=taken.tries > 1,
        left=left,
        duration_ms=round((ingest.clock() - started) * 1000, 1),
    )
    for letter in refused:
        log.warning("event.dead", entry_id=letter.source.entry_id, reason=letter.reason)
    if waiting:
        raise _gravest(waiting)
    return left


def _settle(
    ingest: Ingest,
    partition: int,
    lease: Lease,
    stored: Sequence[Entry],
    refused: Sequence[Refused],
    forgotten: Sequence[StreamEntry],
    tries: int,
) -> int:
    lease.ensure_held()
    sessions = sessions_of((entry.source.raw, entry.event) for entry in stored)
    record(ingest.redis, ingest.streams, sessions, ingest.policy)
    return acknowledge(
        ingest.redis,
        ingest.streams,
        partition,
        lease,
        stored,
        refused,
        deliveries=tries,
        forgotten=forgotten,
    )


def _take_back(ingest: Ingest, batch: Batch) -> None:
    """The lease ended before what was written could be settled: somebody may have been forgotten meanwhile."""
    written = [
        (entry.source, entry.event, [batch.rows[index] for index in entry.rows])
        for entry in batch.entries
    ]
    take_back(ingest.client, ingest.tombstones, written)


def _gravest(errors: Sequence[WorkerError]) -> WorkerError:
    """What every event would meet says more than what one row met."""
    return next((e for e in errors if isinstance(e, SystemicFailure)), errors[0])


def _sort_out(
    batch: Batch, failures: dict[int, WorkerError]
) -> tuple[list[Entry], list[Refused], list[WorkerError]]:
    """Entries stored, entries that never will be, and the reasons of those that wait."""
    stored: list[Entry] = []
    refused = list(batch.refused)
    waiting: list[WorkerError] = []
    for entry in batch.entries:
        errors = [failures[row] for row in entry.rows if row in failures]
        if not errors:
            stored.append(entry)
        elif final := next((e for e in errors if isinstance(e, Final)), None):
            refused.append(Refused.because(entry.source, final))
        else:
            waiting += errors
    return stored, sorted(refused, key=_stream_order), waiting


def _stream_order(letter: Refused) -> tuple[int, int]:
    ms, _, number = letter.source.entry_id.partition("-")
    return int(ms), int(number)
