"""One session, from its watermark on: facts, their vectors, the user's memories changed, the watermark moved.

Chunk by chunk. Each step's outcome is kept before the next begins, so a crash
anywhere is made good by doing it again: nothing is asked, decided or written twice.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import structlog
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.forgotten import still_known
from tablestore_memory.worker.consolidation.remember import Remembering, remember
from tablestore_memory.worker.extract.chunks import CONTEXT, next_chunk
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

# Tries, with growing waits, before a decision is made on what the index and the newest writes show.
_WAITS_FOR_INDEX = 5
log = structlog.get_logger()


@dataclass(frozen=True)
class Extract:
    """The collaborators of an extraction."""

    redis: Redis
    streams: Streams
    due: DueSessions
    sessions: Sessions
    finder: FactFinder
    plans: Plans
    remembering: Remembering
    budget: Budget
    dead: DeadLetters


def extract(step: Extract, user_id: str, session_id: str, lease: Lease) -> Iterator[None]:
    """Extract what waits in a session, under its lease, chunk by chunk: yields after each.

    Raises Busy if another worker has the user, LeaseLost, and what keeps a service away; all that was not
    yet extracted stays where it is.
    """
    waiting = step.due.begin(user_id, session_id)
    if waiting:
        start = min(step.sessions.watermark(user_id, session_id) + 1, waiting.from_us)
        for plan in _plans(step, user_id, session_id, start):
            lease.ensure_held()
            _apply_plan(step, user_id, session_id, plan)
            yield
    step.due.settle(user_id, session_id)


def _plans(step: Extract, user_id: str, session_id: str, start: int) -> Iterator[Plan]:
    """The plan left by a worker that died, then one for each chunk from `start` on."""
    left = step.plans.load(user_id, session_id)
    if left:
        yield left
        start = max(start, left.through + 1) if start >= left.since else start
    known = partial(still_known, step.remembering.tombstones, user_id, session_id)
    while chunk := next_chunk(known(step.sessions.messages(user_id, session_id, since=start))):
        step.budget.check()
        context = known(step.sessions.messages_before(user_id, session_id, start, CONTEXT))
        found = step.finder.find(user_id, session_id, list(context), chunk)
        plan = Plan(start, chunk[-1].created_at, found)
        step.plans.keep(user_id, session_id, plan)
        yield plan
        start = plan.through + 1


def _apply_plan(step: Extract, user_id: str, session_id: str, plan: Plan) -> None:
    """Compute vectors, change the memories, move the watermark."""
    started = time.monotonic()
    if plan.vectors is None:
        plan = with_vectors(step.remembering.qwen, plan)
        step.plans.keep(user_id, session_id, plan)
    written = _remember(step, user_id, session_id, plan)
    old = step.sessions.watermark(user_id, session_id)
    step.sessions.advance_watermark(user_id, session_id, old, plan.through)
    _end(step, user_id, session_id, plan)
    log.info(
        "session.extracted",
        session_id=session_id,
        through=plan.through,
        facts=len(plan.found.memories),
        changes=written,
        skipped=len(plan.found.skipped),
        apply_ms=round((time.monotonic() - started) * 1000, 1),
    )


def _remember(step: Extract, user_id: str, session_id: str, plan: Plan) -> int:
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
        step.plans.keep(user_id, session_id, replace(plan, waited=plan.waited + 1))
        raise


def _end(step: Extract, user_id: str, session_id: str, plan: Plan) -> None:
    """The plan goes and its skipped messages are reported, in one step: neither without the other.

    Messages that were forgotten meanwhile are told of to nobody.
    """
    partition = step.streams.partition(session_id)
    covers = partial(step.remembering.tombstones.covers, user_id, session_id)
    skipped_messages = [s for s in plan.found.skipped if not covers(s.received_ms)]
    with step.redis.pipeline(transaction=True) as pipe:
        Plans(pipe, step.streams).drop(user_id, session_id)
        for skipped in skipped_messages:
            about = about_messages(user_id, session_id, skipped.message_ids)
            DeadLetters(pipe, step.streams).add(
                partition, event=about, reason=skipped.reason, queue=EXTRACT, error=skipped.error
            )
        pipe.execute()
    for skipped in skipped_messages:
        log.warning("messages.skipped", session_id=session_id, reason=skipped.reason)


def about_messages(user_id: str, session_id: str, message_ids: tuple[str, ...] = ()) -> bytes:
    """What a dead letter of an extraction is about; all that waits in the session, if none is named."""
    return msgspec.json.encode(
        {"user_id": user_id, "session_id": session_id, "message_ids": message_ids}
    )
