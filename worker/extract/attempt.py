"""One try at a session: done, again later, or given up with a dead letter. Raises only what stops everyone."""

import random
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.deadletters import EXTRACT
from tablestore_memory.worker.errors import (
    Busy,
    IndexBehind,
    SameForEveryone,
    Throttled,
    WorkerError,
)
from tablestore_memory.worker.extract.attempts import Attempts
from tablestore_memory.worker.extract.session import Extract, about_messages, extract

_BUSY_S = 1.0
_SLOWLY_S = (2.0, 6.0)  # after a throttling or a pause, with jitter
log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """The collaborators of a try."""

    extraction: Extract
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many pieces of the session were extracted, or what kept it from being done."""

    pieces: int = 0
    error: Exception | None = None


def attempt(step: Attempt, user_id: str, session_id: str) -> Outcome:
    """Extract what waits in a session, or see to it that it is tried again.

    Raises SameForEveryone when every session would fail; this one is tried again then, too.
    """
    try:
        pieces = extract(step.extraction, user_id, session_id)
    except SameForEveryone:
        step.extraction.due.postpone(user_id, session_id, random.uniform(*_SLOWLY_S))
        raise
    except Exception as error:  # noqa: BLE001 - said with its traceback, and tried again
        _try_again(step, user_id, session_id, error)
        return Outcome(error=error)
    step.attempts.succeeded(user_id, session_id)
    return Outcome(pieces)


def _try_again(step: Attempt, user_id: str, session_id: str, error: Exception) -> None:
    due = step.extraction.due
    if isinstance(error, Busy):
        due.postpone(user_id, session_id, _BUSY_S)
    elif isinstance(error, (Throttled, IndexBehind)):
        wait_s = random.uniform(*_SLOWLY_S)
        due.postpone(user_id, session_id, wait_s)
        _say(error, wait_s)
    else:
        wait_s_or_none = step.attempts.failed(user_id, session_id, error)
        _say(error, wait_s_or_none)
        if wait_s_or_none is None:
            _give_up(step, user_id, session_id, error)
        else:
            due.postpone(user_id, session_id, wait_s_or_none)


def _give_up(step: Attempt, user_id: str, session_id: str, error: Exception) -> None:
    """Its messages stay unextracted, where they are; the letter says so."""
    extraction, kind = step.extraction, type(error).__name__
    reason = f"{step.attempts.allowed} tries failed, the last with {kind}"
    if isinstance(error, WorkerError):
        reason += f": {error}"
    extraction.dead.add(
        extraction.streams.partition(session_id),
        event=about_messages(user_id, session_id),
        reason=reason,
        queue=EXTRACT,
        error=kind,
    )
    extraction.due.give_up(user_id, session_id, reason)
    step.attempts.forget(user_id, session_id)
    log.error("session.given_up", session_id=session_id, reason=reason)


def _say(error: Exception, wait_s: float | None) -> None:
    """What we expect in a line, what we do not with its traceback."""
    expected = isinstance(error, WorkerError)
    log.warning(
        "task.failed",
        task="memory.extract",
        error=type(error).__name__,
        reason=str(error) if expected else None,
        exc_info=not expected,
        wait_s=wait_s,
    )
