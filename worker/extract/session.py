"""One session, from its watermark on: facts, what they change, the change applied, the watermark moved.

Under the session's lease; deciding and applying also under the user's, so that two sessions of one user
never add the same fact side by side. A crash at any step is made good by doing it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec
import structlog
from redis import Redis

from producer.streams import Streams
from worker.deadletters import DeadLetters
from worker.extract.apply import Apply, apply
from worker.extract.consolidate import Change, consolidate
from worker.extract.due import DueSessions, tokens_of
from worker.extract.facts import FactFinder, Found
from worker.extract.neighbours import Neighbours
from worker.extract.plans import Plan, Plans
from worker.lease import Lease
from worker.stores.memories import Memory
from worker.stores.sessions import Said, Sessions

_CONTEXT = 4  # earlier messages shown with the new ones
_PIECE_MESSAGES = 40
_PIECE_TOKENS = 6_000
_WAIT_FOR_USER_S = 5.0
log = structlog.get_logger()


@dataclass(frozen=True)
class Extract:
    """The collaborators of an extraction."""

    redis: Redis
    streams: Streams
    due: DueSessions
    sessions: Sessions
    finder: FactFinder
    neighbours: Neighbours
    plans: Plans
    application: Apply
    dead: DeadLetters


def extract(step: Extract, user_id: str, session_id: str) -> int:
    """Extract what waits in a session. Returns how many memories were written.

    Raises Busy if another worker has the session or the user; Retryable and SameForEveryone leave all
    that was not yet extracted where it is.
    """
    partition = step.streams.partition(session_id)
    key = step.streams.key(partition, f"lease:{user_id}:{session_id}")
    written = 0
    with Lease(step.redis, key):
        waiting = step.due.begin(user_id, session_id)
        if waiting:
            start = min(step.sessions.watermark(user_id, session_id) + 1, waiting.from_us)
            for plan in _plans(step, user_id, session_id, start):
                written += _carry_out(step, user_id, session_id, plan)
        step.due.settle(user_id, session_id)
    return written


def _plans(step: Extract, user_id: str, session_id: str, start: int) -> Iterator[Plan]:
    """The plan left by a worker that died, then one for each piece from `start` on."""
    left = step.plans.load(user_id, session_id)
    if left:
        yield left
        start = max(start, left.through + 1) if start >= left.since else start
    while piece := _piece(step.sessions.messages(user_id, session_id, since=start)):
        context = step.sessions.messages_before(user_id, session_id, start, _CONTEXT)
        found = step.finder.find(user_id, session_id, context, piece)
        plan = Plan(start, piece[-1].created_at, found)
        step.plans.keep(user_id, session_id, plan)
        yield plan
        start = plan.through + 1


def _piece(messages: Iterator[Said]) -> list[Said]:
    """As many messages as one call may hold; those of one microsecond stay together."""
    piece: list[Said] = []
    tokens = 0
    for message in messages:
        tokens += tokens_of(message.text)
        full = len(piece) >= _PIECE_MESSAGES or tokens > _PIECE_TOKENS
        if piece and full and message.created_at != piece[-1].created_at:
            break
        piece.append(message)
    return piece


def _carry_out(step: Extract, user_id: str, session_id: str, plan: Plan) -> int:
    """Decide, apply, move the watermark. Returns how many memories were written."""
    partition = step.streams.partition(user_id)
    with Lease(
        step.redis, step.streams.key(partition, f"lease:{user_id}"), wait_s=_WAIT_FOR_USER_S
    ):
        if plan.changes is None:
            plan = replace(plan, changes=_decide(step, user_id, plan.found))
            step.plans.keep(user_id, session_id, plan)
        changes = plan.changes or ()
        apply(step.application, user_id, changes)
    _report_skipped(step, user_id, session_id, plan.found)
    old = step.sessions.watermark(user_id, session_id)
    step.sessions.advance_watermark(user_id, session_id, old, plan.through)
    step.plans.drop(user_id, session_id)
    log.info(
        "session.extracted",
        session_id=session_id,
        through=plan.through,
        facts=len(plan.found.memories),
        changes=len(changes),
        skipped=len(plan.found.skipped),
    )
    return sum(change.memory is not None for change in changes)


def _decide(step: Extract, user_id: str, found: Found) -> tuple[Change, ...]:
    new: tuple[Memory, ...] = found.memories
    if not new:
        return ()
    vectors = step.application.qwen.embed([memory.text for memory in new])
    known = step.neighbours.of(user_id, new, vectors)
    return tuple(consolidate(step.application.qwen, new, known))


def _report_skipped(step: Extract, user_id: str, session_id: str, found: Found) -> None:
    partition = step.streams.partition(session_id)
    for skipped in found.skipped:
        about = {
            "user_id": user_id,
            "session_id": session_id,
            "message_ids": list(skipped.message_ids),
        }
        step.dead.add(
            partition, event=msgspec.json.encode(about), reason=skipped.reason, queue="extract"
        )
        log.warning("messages.skipped", session_id=session_id, reason=skipped.reason)
