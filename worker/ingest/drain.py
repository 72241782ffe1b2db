"""One turn at a partition: oldest entries in, rows out, entries off the stream.

Under the partition's lease; a worker that dies leaves its entries where they are, and the next drain
starts at the same ones. Order holds, and every write is idempotent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import tablestore as ots
from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Busy, LeaseLost
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
)
from tablestore_memory.worker.ingest.acknowledge import acknowledge
from tablestore_memory.worker.ingest.batches import Batch, Build, Refused, build_batch
from tablestore_memory.worker.ingest.late import take_back
from tablestore_memory.worker.ingest.outcome import Outcome, gravest
from tablestore_memory.worker.ingest.traces import about_batch, traces_of
from tablestore_memory.worker.ingest.writing import Write, write_batch
from tablestore_memory.worker.sessions.activity import record, sessions_of
from tablestore_memory.worker.sessions.due import DuePolicy
from tablestore_memory.worker.state.entries import (
    InFlight,
    give_back,
    giving_back,
    note_failure,
    take,
)
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease, Leases
from tablestore_memory.worker.state.owed import Owed
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.batch import MAX_ROWS
from tablestore_memory.worker.stores.tables import TableNames
from tablestore_memory.worker.tracing import spans

# Then another partition gets the process: there may be more of them than processes. Longer while full
# batches wait, as they are cheaper than turns; far below the grace period of a stop.
TURN_S = 0.05
FULL_TURN_S = 0.5
log = structlog.get_logger()


@dataclass(frozen=True)
class Ingest:
    """Drains partitions, with these collaborators."""

    redis: Redis
    streams: Streams
    leases: Leases
    client: ots.OTSClient
    names: TableNames
    policy: DuePolicy
    isolation: Isolation
    probe: Probe
    tombstones: Tombstones
    build: Build = build_batch
    write: Write = write_batch
    clock: Callable[[], float] = time.monotonic
    owed: Owed = field(default_factory=Owed, repr=False)

    def drain(self, partition: int) -> int:
        """Store what waits in a partition, for one turn. Returns how many entries are left.

        Raises Busy if another drain holds the partition, else what kept a row from being stored: whatever
        could be stored is, and is acknowledged; the rest stays in the stream.
        """
        keys = Keys(self.streams)
        self.owed.settle()
        with self.leases.lease(keys.lease(partition)) as lease:
            began = self.clock()
            left = 1
            while left and self.clock() - began < (TURN_S if left < MAX_ROWS else FULL_TURN_S):
                left = self._one_batch(partition, lease)
        return left or int(self.redis.xlen(keys.events(partition)))

    def _one_batch(self, partition: int, lease: Lease) -> int:
        """Settle the front, or note what kept it from being settled if that was its own fault."""
        keys = Keys(self.streams)
        in_flight = keys.in_flight(partition)
        taken = take(self.redis, lease, keys.events(partition), in_flight, MAX_ROWS)
        if not taken.entries:
            return 0
        try:
            return self._store(partition, lease, taken, self._batch_of(taken))
        except (Busy, *REDIS_ERRORS):
            # Nobody's fault: the next drain takes it from here.
            give_back(self.redis, in_flight, taken, self.owed)
            raise
        except Exception as error:
            with giving_back(self.redis, in_flight, taken, self.owed):
                ensure_item_is_to_blame(error, self.probe)
            note_failure(self.redis, in_flight, Failure.of(error))
            raise

    def _batch_of(self, taken: InFlight) -> Batch:
        """The rows of what was taken; a lone entry that had its chances is refused instead."""
        had_tries = taken.tries - 1
        if not taken.is_alone or not self.isolation.is_over_at_head(
            had_tries, taken.failure, taken.troubled_ms
        ):
            return self.build(taken.entries, self.names, self.tombstones.upto)
        ensure_item_is_to_blame(None, self.probe)
        failure = taken.failure or DIED
        reason = f"{had_tries} tries of it alone failed, while the store answered: {failure.reason}"
        return Batch(refused=[Refused(taken.entries[0], reason, failure.error)])

    def _store(self, partition: int, lease: Lease, taken: InFlight, batch: Batch) -> int:
        with spans.span(
            spans.STORE,
            about_batch(self.streams, partition, len(taken.entries)),
            kind="CONSUMER",
            links=traces_of(batch),
        ):
            return self._write_and_settle(partition, lease, taken, batch)

    def _write_and_settle(self, partition: int, lease: Lease, taken: InFlight, batch: Batch) -> int:
        started = self.clock()
        lease.ensure_held()
        outcome = Outcome.of(batch, self.write(self.client, batch))
        left = len(taken.entries)
        if outcome.settles:
            try:
                left = self._settle(partition, lease, outcome, taken.tries)
            except LeaseLost:
                self._take_back(batch)
                raise
        log.info(
            "batch.stored",
            partition=partition,
            entries=len(outcome.stored),
            rows=len({row for entry in outcome.stored for row in entry.rows}),
            refused=len(outcome.refused),
            forgotten=len(outcome.forgotten),
            again=taken.tries > 1,
            left=left,
            duration_ms=round((self.clock() - started) * 1000, 1),
        )
        for letter in outcome.refused:
            log.warning("event.dead", entry_id=letter.source.entry_id, reason=letter.reason)
        if outcome.waiting:
            raise gravest(outcome.waiting)
        return left

    def _settle(self, partition: int, lease: Lease, outcome: Outcome, tries: int) -> int:
        lease.ensure_held()
        sessions = sessions_of((entry.source.raw, entry.event) for entry in outcome.stored)
        record(self.redis, self.streams, sessions, self.policy)
        return acknowledge(self.redis, self.streams, partition, lease, outcome, deliveries=tries)

    def _take_back(self, batch: Batch) -> None:
        """The lease ended before what was written could be settled: somebody may have been forgotten meanwhile."""
        written = [
            (entry.source, entry.event, [batch.rows[index] for index in entry.rows])
            for entry in batch.entries
        ]
        take_back(self.client, self.tombstones, written)
