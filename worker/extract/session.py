"""One session, from its watermark on: facts, their vectors, the user's memories changed, the watermark moved.

Chunk by chunk; about several chunks Qwen is asked at the same time, as facts need no others. Each step's outcome
is kept before the next begins, so a crash anywhere is made good by doing it again: nothing is asked, decided or
written twice.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import msgspec
import structlog
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.forgotten import still_known
from tablestore_memory.worker.consolidation.remember import Remembering, remember
from tablestore_memory.worker.extract.at_once import at_once
from tablestore_memory.worker.extract.chunks import CONTEXT, chunks_of
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.extract.plans import Plan, Plans
from tablestore_memory.worker.extract.vectors import with_vectors
from tablestore_memory.worker.failures.errors import IndexBehind
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.dead_letters import EXTRACT, DeadLetters
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.stores.sessions import Sessions, Turn

# Tries, with growing waits, before a decision is made on what the index and the newest writes show.
_WAITS_FOR_INDEX = 5
log = structlog.get_logger()


@dataclass(frozen=True)
class Extract:
    """The collaborators of an extraction, and about how many chunks of a session Qwen is asked at a time."""

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


def extract(step: Extract, user_id: str, session_id: str, lease: Lease) -> Iterator[None]:
    """Extract what waits in a session, under its lease, chunk by chunk: yields after each.

    Raises Busy if another worker has the user, LeaseLost, and what keeps a service away; all that was not
    yet extracted stays where it is.
    """
    waiting = step.due.begin(user_id, session_id)
    if waiting:
        start = min(step.sessions.watermark(user_id, session_id) + 1, waiting.from_us)
        for plan, later in _plans(step, user_id, session_id, start, lease):
            lease.ensure_held()
            _apply_plan(step, user_id, session_id, plan, later)
            yield
    step.due.settle(user_id, session_id)


def _plans(
    step: Extract, user_id: str, session_id: str, start: int, lease: Lease
) -> Iterator[tuple[Plan, list[Plan]]]:
    """For each chunk from `start` on its plan, and those kept for later ones; first what a dead worker left."""
    kept, may_be_more = list(step.plans.load(user_id, session_id)), True
    while True:
        while kept and kept[0].since <= start:
            plan = kept.pop(0)
            yield plan, kept
            start = max(start, plan.through + 1)
        if not may_be_more:
            break
        chunks, may_be_more = _next_chunks(step, user_id, session_id, start, kept)
        if chunks:
            _ask(step, user_id, session_id, chunks, kept, lease)
    if kept:  # found in messages that are gone
        step.plans.drop(user_id, session_id)


def _next_chunks(
    step: Extract, user_id: str, session_id: str, start: int, kept: Sequence[Plan]
) -> tuple[list[tuple[int, list[Turn]]], bool]:
    """The chunks to ask about at once, each with where it begins, and whether more may follow.

    Those that have plans are left out.
    """
    through = {plan.since: plan.through for plan in kept}
    known = partial(still_known, step.remembering.tombstones, user_id, session_id)
    messages = known(step.sessions.messages(user_id, session_id, since=start))
    found: list[tuple[int, list[Turn]]] = []
    looked_at = 0
    for looked_at, chunk in enumerate(islice(chunks_of(messages), step.ask_at_once), 1):  # noqa: B007
        last = chunk[-1].created_at
        if start not in through:
            found.append((start, chunk))
        elif through[start] != last:  # what was said since makes other chunks from here on
            return found, True
        start = last + 1
    # What comes from now on makes the session due again.
    return found, looked_at == step.ask_at_once


def _ask(
    step: Extract,
    user_id: str,
    session_id: str,
    chunks: Sequence[tuple[int, list[Turn]]],
    kept: list[Plan],
    lease: Lease,
) -> None:
    """Add a plan for each chunk. Each answer is kept when it comes, whatever becomes of the others."""

    def keep(plan: Plan) -> None:
        lease.ensure_held()
        kept[:] = sorted(
            [plan, *(other for other in kept if other.since != plan.since)],
            key=lambda each: each.since,
        )
        step.plans.keep(user_id, session_id, *kept)

    step.budget.check()
    for plan in at_once([partial(_found, step, user_id, session_id, *each) for each in chunks]):
        keep(plan)
    if len(chunks) > 1:
        without = [plan for plan in kept if plan.vectors is None]
        qwen = step.remembering.qwen
        for plan in at_once([partial(with_vectors, qwen, plan) for plan in without]):
            keep(plan)


def _found(step: Extract, user_id: str, session_id: str, since: int, chunk: list[Turn]) -> Plan:
    before = step.sessions.messages_before(user_id, session_id, since, CONTEXT)
    context = still_known(step.remembering.tombstones, user_id, session_id, before)
    found = step.finder.find(user_id, session_id, list(context), chunk)
    return Plan(since, chunk[-1].created_at, found)


def _apply_plan(
    step: Extract, user_id: str, session_id: str, plan: Plan, later: Sequence[Plan]
) -> None:
    """Compute vectors, change the memories, move the watermark."""
    started = time.monotonic()
    if plan.vectors is None:
        plan = with_vectors(step.remembering.qwen, plan)
        step.plans.keep(user_id, session_id, plan, *later)
    written = _remember(step, user_id, session_id, plan, later)
    old = step.sessions.watermark(user_id, session_id)
    step.sessions.advance_watermark(user_id, session_id, old, plan.through)
    step.due.done_up_to(user_id, session_id, plan.through)
    _end(step, user_id, session_id, plan, later)
    log.info(
        "session.extracted",
        session_id=session_id,
        through=plan.through,
        facts=len(plan.found.memories),
        changes=written,
        skipped=len(plan.found.skipped),
        apply_ms=round((time.monotonic() - started) * 1000, 1),
    )


def _remember(
    step: Extract, user_id: str, session_id: str, plan: Plan, later: Sequence[Plan]
) -> int:
    facts = [
        Embedded(memory, list(vector))
        for memory, vector in zip(plan.found.memories, plan.vectors or (), strict=True)
    ]
    if not facts:
        return 0
    try:
        wait_for_index = plan.waited < _WAITS_FOR_INDEX
        return remember(
            step.remembering, user_id, facts, plan_id=plan.plan_id, wait_for_index=wait_for_index
        )
    except IndexBehind:
        step.plans.keep(user_id, session_id, replace(plan, waited=plan.waited + 1), *later)
        raise


def _end(step: Extract, user_id: str, session_id: str, plan: Plan, later: Sequence[Plan]) -> None:
    """The plan goes and its skipped messages are reported, in one step: neither without the other.

    Messages that were forgotten meanwhile are told of to nobody.
    """
    partition = step.streams.partition(session_id)
    covers = partial(step.remembering.tombstones.covers, user_id, session_id)
    skipped_messages = [s for s in plan.found.skipped if not covers(s.received_ms)]
    with step.redis.pipeline(transaction=True) as pipe:
        Plans(pipe, step.streams).replace(user_id, session_id, later)
        for skipped in skipped_messages:
            about = about_messages(user_id, session_id, skipped.message_ids)
            DeadLetters(pipe, step.streams).add(
                partition, event=about, reason=skipped.reason, queue=EXTRACT, error=skipped.error
            )
        pipe.execute()
    step.plans.drop_forgotten(user_id, session_id, later)
    for skipped in skipped_messages:
        log.warning("messages.skipped", session_id=session_id, reason=skipped.reason)


def about_messages(user_id: str, session_id: str, message_ids: tuple[str, ...] = ()) -> bytes:
    """What a dead letter of an extraction is about; all that waits in the session, if none is named."""
    return msgspec.json.encode(
        {"user_id": user_id, "session_id": session_id, "message_ids": message_ids}
    )
