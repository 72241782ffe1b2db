"""One session, from its watermark on: facts, their vectors, the user's memories changed, the watermark moved.

Chunk by chunk; each step's outcome is kept before the next begins, so a crash anywhere is made good by doing it
again: nothing is asked, decided or written twice.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import structlog
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.extract.asking import Asking, Session
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.extract.plans import Plan, Plans
from tablestore_memory.worker.extract.vectors import with_vectors
from tablestore_memory.worker.failures.errors import IndexBehind
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.dead_letters import EXTRACT, DeadLetters
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.tracing import spans
from tablestore_memory.worker.tracing.content import ids

log = structlog.get_logger()


@dataclass(frozen=True)
class Extract:
    """The collaborators of an extraction; about `ask_at_once` chunks of a session Qwen is asked at a time.

    Before a decision is made on what the index and the newest writes show, it is waited for `waits_for_index`
    times.
    """

    redis: Redis
    streams: Streams
    due: DueSessions
    sessions: Sessions
    finder: FactFinder
    plans: Plans
    remembering: Remembering
    budget: Budget
    dead: DeadLetters
    ask_at_once: int = 1
    waits_for_index: int = 5

    def run(self, user_id: str, session_id: str, lease: Lease) -> Iterator[bool]:
        """Extract what waits in a session, under its lease, chunk by chunk: yields after each if more may follow.

        Raises Busy if another worker has the user, LeaseLost, and what keeps a service away; all that was not
        yet extracted stays where it is.
        """
        waiting = self.due.begin(user_id, session_id)
        if waiting:
            session = Session(user_id, session_id)
            with spans.going_on(spans.EXTRACT, waiting.traces, ids(*session)):
                yield from self._chunks(session, waiting.from_us, lease)
        self.due.settle(user_id, session_id)

    def _chunks(self, session: Session, from_us: int, lease: Lease) -> Iterator[bool]:
        watermark = self.sessions.watermark(*session)
        asking = Asking(
            sessions=self.sessions,
            tombstones=self.remembering.tombstones,
            finder=self.finder,
            qwen=self.remembering.qwen,
            plans=self.plans,
            budget=self.budget,
            at_once=self.ask_at_once,
            session=session,
            lease=lease,
        )
        for plan, later, more in asking.plans_from(min(watermark + 1, from_us)):
            lease.ensure_held()
            self._apply(session, plan, later, watermark)
            watermark = max(watermark, plan.through)
            yield more

    def _apply(self, session: Session, plan: Plan, later: Sequence[Plan], watermark: int) -> None:
        """Compute vectors, change the memories, move the watermark."""
        started = time.monotonic()
        if plan.vectors is None:
            plan = with_vectors(self.remembering.qwen, plan)
            self.plans.keep(*session, plan, *later)
        written = self._remember(session, plan, later)
        self.sessions.advance_watermark(*session, watermark, plan.through)
        self.due.done_up_to(*session, plan.through)
        self._end(session, plan, later)
        log.info(
            "session.extracted",
            session_id=session.session_id,
            through=plan.through,
            facts=len(plan.found.memories),
            changes=written,
            skipped=len(plan.found.skipped),
            apply_ms=round((time.monotonic() - started) * 1000, 1),
        )

    def _remember(self, session: Session, plan: Plan, later: Sequence[Plan]) -> int:
        facts = [
            Embedded(memory, list(vector))
            for memory, vector in zip(plan.found.memories, plan.vectors or (), strict=True)
        ]
        if not facts:
            return 0
        try:
            return self.remembering.remember(
                session.user_id,
                facts,
                plan_id=plan.plan_id,
                wait_for_index=plan.waited < self.waits_for_index,
                may_wait=True,
            )
        except IndexBehind:
            self.plans.keep(*session, replace(plan, waited=plan.waited + 1), *later)
            raise

    def _end(self, session: Session, plan: Plan, later: Sequence[Plan]) -> None:
        """The plan goes and its skipped messages are reported, in one step: neither without the other.

        Messages that were forgotten meanwhile are told of to nobody.
        """
        partition = self.streams.partition(session.session_id)
        covers = partial(self.remembering.tombstones.covers, *session)
        skipped_messages = [s for s in plan.found.skipped if not covers(s.received_ms)]
        with self.redis.pipeline(transaction=True) as pipe:
            Plans(pipe, self.streams).replace(*session, later)
            for skipped in skipped_messages:
                about = about_messages(*session, skipped.message_ids)
                DeadLetters(pipe, self.streams).add(
                    partition,
                    event=about,
                    reason=skipped.reason,
                    queue=EXTRACT,
                    error=skipped.error,
                )
            pipe.execute()
        self.plans.drop_forgotten(*session, later)
        for skipped in skipped_messages:
            log.warning("messages.skipped", session_id=session.session_id, reason=skipped.reason)


def about_messages(user_id: str, session_id: str, message_ids: tuple[str, ...] = ()) -> bytes:
    """What a dead letter of an extraction is about; all that waits in the session, if none is named."""
    return msgspec.json.encode(
        {"user_id": user_id, "session_id": session_id, "message_ids": message_ids}
    )
