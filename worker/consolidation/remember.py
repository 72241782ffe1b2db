"""The one way in which new facts change a user's memories: one at a time, decided and applied once.

Under the user's lease: what a dead worker left half done is ended, the facts meet what is known, the
changes are written down, then made. `forget` takes the same lease.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.apply import Apply
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.consolidate import Consolidation, Decided
from tablestore_memory.worker.consolidation.forgotten import forgotten
from tablestore_memory.worker.consolidation.journal import Entry, Journal
from tablestore_memory.worker.consolidation.neighbours import Neighbours
from tablestore_memory.worker.consolidation.tally import tally
from tablestore_memory.worker.failures.errors import Busy, Final
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease, Leases
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.tracing import spans

log = structlog.get_logger()


@dataclass(frozen=True)
class Remembering:
    """The collaborators of a change, and how long one waits for another worker to end its own."""

    redis: Redis
    streams: Streams
    leases: Leases
    qwen: Qwen
    neighbours: Neighbours
    consolidation: Consolidation
    journal: Journal
    tombstones: Tombstones
    application: Apply
    wait_for_user_s: float = 5.0

    def remember(
        self,
        user_id: str,
        facts: Sequence[Embedded],
        *,
        plan_id: str,
        wait_for_index: bool = True,
        may_wait: bool = False,
    ) -> int:
        """Consolidate and write facts, once for each `plan_id` of a user. Returns how many rows were written.

        With `may_wait` what is not urgent is asked about together with the user's next facts, and no later.

        Raises Busy if another worker changes this user's memories, IndexBehind if `wait_for_index` and the index
        cannot show enough, and what kept a row from being written: then nothing is decided twice.
        """
        with self.user_lease(user_id) as held:
            if self.journal.was_applied(user_id, plan_id):
                return 0
            over = forgotten(self.tombstones, [fact.memory for fact in facts])
            wanted = [fact for fact in facts if fact.memory.document_id not in over]
            if not wanted:
                return 0
            undecided = self._undecided(user_id)
            known = self.neighbours.of(
                user_id, [*wanted, *undecided.values()], wait_for_index=wait_for_index
            )
            changes, left = self._decided(
                user_id, wanted, known, undecided, may_wait=may_wait and not undecided
            )
            held.make(plan_id, changes, left)
        log.info("memories.changed", **tally(changes, known))
        return len(changes)

    def decide(self, held: "UserLease") -> bool:
        """Decide on what waits for the user's next facts, without these. Returns whether anything did.

        Raises Busy if the lease was lost, and what keeps a service away; what was to be decided is to be so still.
        What can never be written is left out, and undecided no longer.
        """
        user_id = held.user_id
        undecided = self._undecided(user_id)
        if not undecided:
            self.journal.leave_undecided(user_id, ())
            return False
        waiting = list(undecided.values())
        known = self.neighbours.of(user_id, waiting, wait_for_index=False)
        changes = self.consolidation.decided((), known, undecided=undecided).changes
        with _dropped():
            held.make(uuid.uuid4().hex, changes, ())
            log.info("memories.changed", **tally(changes, known))
        return True

    def _undecided(self, user_id: str) -> dict[str, Embedded]:
        ids = self.journal.undecided(user_id)
        found = self.application.memories.get(ids) if ids else []
        return {each.memory.document_id: each for each in found if each.memory.user_id == user_id}

    def _decided(
        self,
        user_id: str,
        facts: Sequence[Embedded],
        known: Mapping[str, Embedded],
        undecided: Collection[str],
        *,
        may_wait: bool,
    ) -> Decided:
        since = min(fact.memory.stated_at for fact in facts)
        replaced = self.application.history.of_user(user_id, since=since)
        return self.consolidation.decided(
            facts, known, replaced, undecided=undecided, may_wait=may_wait
        )

    def lease(self, user_id: str) -> Lease:
        """The user's lease, to be entered; what a dead worker began is not ended yet."""
        key = Keys(self.streams).user_lease(user_id)
        return self.leases.lease(key, wait_s=self.wait_for_user_s)

    @contextmanager
    def user_lease(self, user_id: str) -> Iterator["UserLease"]:
        """Hold the user's lease, with what a dead worker began brought to its end."""
        with self.lease(user_id) as lease:
            yield self.held(user_id, lease)

    def held(self, user_id: str, lease: Lease) -> "UserLease":
        """The user's lease, which was entered, with what a dead worker began brought to its end."""
        held = UserLease(self, user_id, lease)
        if left := self.journal.unfinished(user_id):
            with _dropped():
                held.end(left)
        return held


@contextmanager
def _dropped() -> Iterator[None]:
    """What can never be made is said, and left at that."""
    try:
        yield
    except Final as error:
        log.error("changes.dropped", error=type(error).__name__, reason=str(error))


@dataclass(frozen=True)
class UserLease:
    """The user's lease, and what is done under it."""

    remembering: Remembering
    user_id: str
    lease: Lease

    def ensure_lease_held(self) -> None:
        """Raises Busy when the lease was lost: to be asked before writing."""
        if self.remembering.redis.get(self.lease.key) != self.lease.token.encode():
            raise Busy(f"{self.lease.key}: the lease ran out")

    def make(
        self, plan_id: str, changes: Sequence[Change], undecided: Sequence[str] | None = None
    ) -> None:
        """Write changes down, then make them; what is `undecided` from then on, unless that is None."""
        entry = Entry(plan_id, tuple(changes), None if undecided is None else tuple(undecided))
        self.remembering.journal.begin(self.user_id, entry, self.lease)
        self.end(entry)

    def end(self, entry: Entry) -> None:
        """Make the changes of an entry in the journal. What can never be made is left out of it, too."""
        about: spans.Attributes = {
            "gen_ai.operation.name": spans.APPLY,
            "gen_ai.memory.record.count": len(entry.changes),
        }
        try:
            with spans.span(spans.APPLY, about):
                self.remembering.application.apply(
                    self.user_id, entry.changes, self.ensure_lease_held
                )
        except Final:
            self.made(entry.plan_id, entry.undecided)
            raise
        self.made(entry.plan_id, entry.undecided)

    def made(self, plan_id: str, undecided: Sequence[str] | None = None) -> None:
        """From now on this plan is known to be applied."""
        self.remembering.journal.end(self.user_id, plan_id, self.lease, undecided)
