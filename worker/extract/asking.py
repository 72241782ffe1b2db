"""The plans of a session, chunk by chunk: those that were kept, and Qwen asked about what has none.

About several chunks it is asked at the same time, as facts need no others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple

from tablestore_memory.worker.consolidation.forgotten import still_known
from tablestore_memory.worker.extract.at_once import at_once
from tablestore_memory.worker.extract.chunks import CONTEXT
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.extract.plans import Plan, Plans
from tablestore_memory.worker.extract.vectors import with_vectors
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.sessions import Sessions, Turn


class Session(NamedTuple):
    """Whose it is, and its id."""

    user_id: str
    session_id: str


@dataclass(frozen=True)
class Asking:
    """What it takes, and the session, under its lease; Qwen is asked about `at_once` chunks at a time."""

    sessions: Sessions
    tombstones: Tombstones
    finder: FactFinder
    qwen: Qwen
    plans: Plans
    budget: Budget
    at_once: int
    session: Session
    lease: Lease

    def plans_from(self, start: int) -> Iterator[tuple[Plan, list[Plan], bool]]:
        """For each chunk from `start` on its plan, those kept for later ones, and whether any may follow.

        First comes what a dead worker left. Raises what keeps a service away.
        """
        kept, may_be_more = list(self.plans.load(*self.session)), True
        while True:
            while kept and kept[0].since <= start:
                plan = kept.pop(0)
                yield plan, kept, may_be_more or bool(kept)
                start = max(start, plan.through + 1)
            if not may_be_more:
                break
            chunks, may_be_more = self._next_chunks(start, kept)
            if chunks:
                self._ask(chunks, kept)
        if kept:  # found in messages that are gone
            self.plans.drop(*self.session)

    def _next_chunks(
        self, start: int, kept: Sequence[Plan]
    ) -> tuple[list[tuple[int, list[Turn]]], bool]:
        """The chunks to ask about at once, each with where it begins, and whether more may follow.

        Those that have plans are left out.
        """
        through = {plan.since: plan.through for plan in kept}
        messages = still_known(
            self.tombstones, *self.session, self.sessions.messages(*self.session, since=start)
        )
        found: list[tuple[int, list[Turn]]] = []
        looked_at = 0
        chunks = islice(self.finder.bounds.chunks_of(messages), self.at_once)
        for looked_at, chunk in enumerate(chunks, 1):  # noqa: B007
            last = chunk[-1].created_at
            if start not in through:
                found.append((start, chunk))
            elif through[start] != last:  # what was said since makes other chunks from here on
                return found, True
            start = last + 1
        # What comes from now on makes the session due again.
        return found, looked_at == self.at_once

    def _ask(self, chunks: Sequence[tuple[int, list[Turn]]], kept: list[Plan]) -> None:
        """Add a plan for each chunk. Each answer is kept when it comes, whatever becomes of the others."""

        def keep(plan: Plan) -> None:
            self.lease.ensure_held()
            kept[:] = sorted(
                [plan, *(other for other in kept if other.since != plan.since)],
                key=lambda each: each.since,
            )
            self.plans.keep(*self.session, *kept)

        self.budget.check()
        for plan in at_once([partial(self._found, *each) for each in chunks]):
            keep(plan)
        if len(chunks) > 1:
            without = [plan for plan in kept if plan.vectors is None]
            for plan in at_once([partial(with_vectors, self.qwen, plan) for plan in without]):
                keep(plan)

    def _found(self, since: int, chunk: list[Turn]) -> Plan:
        found = self.finder.find(*self.session, self._before(since), chunk)
        return Plan(since, chunk[-1].created_at, found)

    def _before(self, since: int) -> list[Turn]:
        """What was said just before; nothing was before the first microsecond."""
        if since <= 1:
            return []
        before = self.sessions.messages_before(*self.session, since, CONTEXT)
        return list(still_known(self.tombstones, *self.session, before))
