"""One try at a session: done, again later, or given up with a dead letter. Raises only what stops everyone."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.extract.session import Extract, about_messages, extract
from tablestore_memory.worker.failures.errors import Busy, IndexBehind, SystemicFailure, Throttled
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
)
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.dead_letters import EXTRACT
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease

_HELD_S = 6.0  # another worker has the session; if it died, its lease has run out by then
_BUSY_S = 1.0  # another worker has the user
_SLOWLY_S = (2.0, 6.0)  # after a throttling or a pause, with jitter
# A long session gives its place to another between two chunks.
_TURN_S = 30.0
log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """The collaborators of a try."""

    extraction: Extract
    attempts: AttemptLog
    isolation: Isolation
    probe: Probe
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many chunks of the session were extracted, or what kept it from being done."""

    chunks: int = 0
    error: Exception | None = None


def attempt(step: Attempt, user_id: str, session_id: str) -> Outcome:
    """Extract what waits in a session, or see to it that it is tried again.

    Raises SystemicFailure when every session would fail; this one is tried again then, too.
    """
    key = Keys(step.extraction.streams).session_lease(user_id, session_id)
    try:
        with Lease(step.extraction.redis, key) as lease:
            return _try(step, user_id, session_id, lease)
    except Busy as error:
        step.extraction.due.postpone(user_id, session_id, _HELD_S)
        return Outcome(error=error)


def _try(step: Attempt, user_id: str, session_id: str, lease: Lease) -> Outcome:
    due, partition = step.extraction.due, step.extraction.streams.partition(session_id)
    item, chunks = member(user_id, session_id), 0
    begun = step.attempts.begin(partition, item)
    try:
        if step.isolation.is_over(begun.tries - 1):
            _give_up(step, user_id, session_id, begun.tries - 1, begun.failure or DIED)
            return Outcome()
        ends = step.monotonic() + _TURN_S
        for chunks, _ in enumerate(extract(step.extraction, user_id, session_id, lease), 1):
            # A chunk is done: what follows starts anew.
            step.attempts.forget(partition, item)
            if step.monotonic() > ends:
                due.postpone(user_id, session_id, 0)
                return Outcome(chunks)
            begun = step.attempts.begin(partition, item)
        step.attempts.forget(partition, item)
        return Outcome(chunks)
    except Exception as error:  # noqa: BLE001 - whose fault it is, is asked
        # Without the lease the session is another's, or forgotten: nothing of it may be noted any more.
        if lease.is_held:
            _sort_out(step, user_id, session_id, begun, error)
        return Outcome(chunks, error)


def _sort_out(
    step: Attempt, user_id: str, session_id: str, begun: Attempts, error: Exception
) -> None:
    if not isinstance(error, (Busy, Throttled, IndexBehind)):
        _failed(step, user_id, session_id, begun, error)
        return
    wait_s = _BUSY_S if isinstance(error, Busy) else random.uniform(*_SLOWLY_S)
    partition = step.extraction.streams.partition(session_id)
    step.attempts.step_aside(partition, member(user_id, session_id), begun, wait_s)
    step.extraction.due.postpone(user_id, session_id, wait_s)


def _failed(
    step: Attempt, user_id: str, session_id: str, begun: Attempts, error: Exception
) -> None:
    due, partition = step.extraction.due, step.extraction.streams.partition(session_id)
    item = member(user_id, session_id)
    try:
        ensure_item_is_to_blame(error, step.probe)
    except SystemicFailure:
        wait_s = random.uniform(*_SLOWLY_S)
        step.attempts.step_aside(partition, item, begun, wait_s)
        due.postpone(user_id, session_id, wait_s)
        raise
    failure = Failure.of(error)
    wait_s = step.attempts.failed(partition, item, begun, failure)
    log.warning(
        "session.failed",
        session_id=session_id,
        error=failure.error,
        reason=failure.reason,
        tries=begun.tries,
        wait_s=round(wait_s, 1),
    )
    if step.isolation.is_over(begun.tries):
        _give_up(step, user_id, session_id, begun.tries, failure)
    else:
        due.postpone(user_id, session_id, wait_s)


def _give_up(step: Attempt, user_id: str, session_id: str, tries: int, failure: Failure) -> None:
    """Its messages stay unextracted, where they are; the letter says so."""
    ensure_item_is_to_blame(None, step.probe)
    extraction, partition = step.extraction, step.extraction.streams.partition(session_id)
    if not extraction.due.waits(user_id, session_id):  # forgotten meanwhile
        step.attempts.forget(partition, member(user_id, session_id))
        return
    reason = f"{tries} tries failed, the last with {failure.error}: {failure.reason}"
    extraction.dead.add(
        partition,
        event=about_messages(user_id, session_id),
        reason=reason,
        queue=EXTRACT,
        error=failure.error,
    )
    extraction.due.give_up(user_id, session_id, reason)
    step.attempts.forget(partition, member(user_id, session_id))
    log.error("session.given_up", session_id=session_id, reason=reason)
