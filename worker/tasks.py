"""Celery tasks: call a step, and turn its outcome into done, again later, or paused.

A task names a partition and nothing else: what waits there stays in Redis until it is done. No task retries
through Celery; what failed the sweep enqueues again when its time has come (docs/failures.md).
"""

from collections.abc import Callable, Sequence

import structlog
from celery import Celery

from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.failures.errors import Busy, SystemicFailure, WorkerError
from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.pool.apart import run_apart, shares_its_process
from tablestore_memory.worker.qwen.asked_for import Asker, asked_for
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.clock import now_ms

_SOFTLY = 3 / 4
_APART = 0.7  # ended before the thread that waits for it is told to end
_PLACE_S = 5.0  # until there may be a place for one more process
log = structlog.get_logger()


def register(app: Celery, services: Callable[[], Services], isolation: Isolation) -> None:
    """Add the tasks to the app. `services` gives the clients of the process that runs them."""

    @app.task(name=gate.DRAIN, **_ended_after(isolation.drain_s))
    def drain_partition(partition: int) -> None:
        s = services()
        left = _turn(s, gate.DRAIN, partition, lambda: s.ingest.drain(partition))
        if left and s.gate.reserve(gate.DRAIN, partition):
            drain_partition.delay(partition)

    @app.task(name=gate.REQUESTS, **_ended_after(isolation.turn_s))
    def do_requests(partition: int) -> None:
        s = services()
        if shares_its_process() and s.request_attempts.hold_a_suspect(partition):
            run_apart(gate.REQUESTS, [str(partition)], isolation.turn_s * _APART)
            return
        if _requests(s, partition) and s.gate.reserve(gate.REQUESTS, partition):
            do_requests.delay(partition)

    @app.task(name=gate.CONFIRM, **_ended_after(isolation.turn_s))
    def confirm_written(partition: int) -> None:
        s = services()
        _turn(s, gate.CONFIRM, partition, lambda: s.confirmation.look(partition))

    @app.task(name=gate.DECIDE, **_ended_after(isolation.session_s))
    def decide_what_waits(partition: int) -> None:
        s = services()
        _turn(s, gate.DECIDE, partition, lambda: _decide_next(s, isolation, partition))

    @app.task(name=gate.EXTRACT, **_ended_after(isolation.session_s))
    def extract_session(partition: int) -> None:
        s = services()
        for user_id, session_id in s.due.claim(partition, 1):
            if wait_s := s.user_budget.wait_s(user_id):
                s.due.postpone(user_id, session_id, wait_s)
                continue
            with structlog.contextvars.bound_contextvars(session_id=session_id):
                if not _is_to_be_apart(s, partition, user_id, session_id):
                    _extract(s, user_id, session_id)
                elif not run_apart(
                    gate.EXTRACT, [user_id, session_id], isolation.session_s * _APART
                ):
                    s.due.postpone(user_id, session_id, _PLACE_S)

    @app.task(name=gate.RECONCILE, **_ended_after(isolation.turn_s))
    def reconcile_sessions() -> None:
        s = services()
        _step(s, gate.RECONCILE, s.reconciliation.walk)

    @app.task(name=gate.BOOK, **_ended_after(isolation.turn_s))
    def book_costs(partition: int) -> None:
        s = services()
        s.gate.begun(gate.BOOK, partition)
        try:
            s.booking.book(partition)
        except Exception as error:  # noqa: BLE001 - said, and tried again: no queue pauses for it
            s.stage_errors.note(gate.BOOK, error)
            wait_s = s.gate.failed(gate.BOOK, partition)
            _log_failure(error, task=gate.BOOK, partition=partition, wait_s=wait_s)
        else:
            s.gate.succeeded(gate.BOOK, partition)
            s.stage_errors.clear(gate.BOOK)


def execute(s: Services, task: str, about: Sequence[str]) -> None:
    """Do a task in a process of its own (worker/apart_main.py)."""
    match task, about:
        case gate.EXTRACT, [user_id, session_id]:
            _extract(s, user_id, session_id)
        case gate.REQUESTS, [partition]:
            _requests(s, int(partition))
        case gate.DECIDE, [user_id]:
            _step(s, gate.DECIDE, lambda: _decide(s, user_id))


def _ended_after(seconds: float) -> dict[str, float]:
    """The options of a task: told to end after three quarters of the time, killed after all of it. Not shared:
    else every app that is made later in this process would have this one's tasks, and its services."""
    return {"soft_time_limit": seconds * _SOFTLY, "time_limit": seconds, "shared": False}


def _turn(s: Services, task: str, partition: int, step: Callable[[], int | None]) -> int:
    """One turn at a partition. Returns what the step returns; 0 for None, or after a failure."""
    s.gate.begun(task, partition)
    left = _step(s, task, step, partition)
    if left is None:
        return 0
    s.gate.succeeded(task, partition)
    return left


def _step(
    s: Services, task: str, step: Callable[[], int | None], partition: int | None = None
) -> int | None:
    """What the step returns: None if it says nothing of whether the stage works. None after a failure, too, which
    is told, and waits if it is a partition's."""
    try:
        left = step()
    except Busy:
        return None
    except SystemicFailure as error:
        _pause(s, task, error)
        return None
    except Exception as error:  # noqa: BLE001 - said with its traceback, and tried again
        s.stage_errors.note(task, error)
        known: dict[str, object] = {"task": task}
        if partition is not None:
            known |= {"partition": partition, "wait_s": s.gate.failed(task, partition)}
        _log_failure(error, **known)
        return None
    if left is not None:
        s.stage_errors.clear(task)
    return left


def _requests(s: Services, partition: int) -> int:
    """Returns how many were settled."""
    return _turn(s, gate.REQUESTS, partition, lambda: s.requests.process(partition))


def _is_to_be_apart(s: Services, partition: int, user_id: str, session_id: str) -> bool:
    if not shares_its_process():
        return False
    return s.attempt.tries.attempts.is_suspect(partition, member(user_id, session_id))


def _extract(s: Services, user_id: str, session_id: str) -> None:
    try:
        with asked_for(asker=Asker(user_id, now_ms(s.redis))):
            outcome = s.attempt.run(user_id, session_id)
    except SystemicFailure as error:
        _pause(s, gate.EXTRACT, error)
        return
    if outcome.error:
        s.stage_errors.note(gate.EXTRACT, outcome.error)
    elif outcome.done:  # a session in which nothing waits says nothing of Qwen
        s.stage_errors.clear(gate.EXTRACT)


def _decide_next(s: Services, isolation: Isolation, partition: int) -> int | None:
    """For one user of the partition. None if nothing is known here of how it ended."""
    user_id = s.undecided.claim(partition)
    if user_id is None:
        return None
    if not (shares_its_process() and s.undecided.is_suspect(user_id)):
        return _decide(s, user_id)
    if not run_apart(gate.DECIDE, [user_id], isolation.session_s * _APART):
        s.undecided.postpone(user_id, _PLACE_S)
    return None


def _decide(s: Services, user_id: str) -> int | None:
    """None if it failed, which is noted, or there was nothing to decide."""
    outcome = s.undecided.decide(user_id)
    if outcome.error:
        s.stage_errors.note(gate.DECIDE, outcome.error)
    return outcome.done or None


def _pause(s: Services, task: str, error: SystemicFailure) -> None:
    s.stage_errors.note(task, error)
    s.gate.pause(task, str(error))
    log.error("queue.paused", task=task, queue=gate.QUEUE_OF[task], reason=str(error))


def _log_failure(error: Exception, **fields: object) -> None:
    """What we expect in a line, what we do not with its traceback."""
    expected = isinstance(error, WorkerError)
    log.warning(
        "task.failed",
        error=type(error).__name__,
        reason=str(error) if expected else None,
        exc_info=not expected,
        **fields,
    )
