"""What `-P threads` means here: a pool of threads that keeps time limits, and ends when it is told to.

A thread cannot be killed, so Celery's own pool has no limits and waits at its end for whatever runs. Here a
task over its soft limit gets an exception. One over its hard limit is given up: its leases run out, another
thread takes its place; when too many hang, the worker ends, and its supervisor starts it anew. So it does
when no thread can run at all, as something holds the interpreter's lock (docs/decisions/extraction-on-threads.md).
"""

import ctypes
import faulthandler
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import structlog
from billiard.einfo import ExceptionInfo
from billiard.exceptions import SoftTimeLimitExceeded, WorkerLostError
from celery.concurrency.base import BasePool
from celery.platforms import EX_FAILURE
from celery.worker import state

from tablestore_memory.worker.state.lease import give_up_leases_of

_STDERR = 2
# Of the pool's threads; each keeps its memory, and one that spins takes its share of the processor.
_MOST_HUNG = 1 / 8
log = structlog.get_logger()


class Job:
    """A task on its way through the pool: what Celery wants run, and told."""

    def __init__(
        self,
        target: Callable[..., Any],
        args: Any,
        kwargs: Any,
        accept_callback: Callable[..., Any],
        callback: Callable[..., Any],
        error_callback: Callable[..., Any],
        timeout_callback: Callable[..., Any],
        soft_timeout: float | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> None:
        self.target, self.args, self.kwargs = target, args or (), kwargs or {}
        self.accepted, self.succeeded = accept_callback, callback
        self.failed, self.timed_out = error_callback, timeout_callback
        self.soft_s, self.hard_s = soft_timeout or float("inf"), timeout or float("inf")

    def terminate(self, _: int) -> None:
        """Asked for when the worker ends without waiting; the thread ends with it."""


class _Thread(threading.Thread):
    """Does one job after the other, until it is given up or gets none."""

    def __init__(self, jobs: "SimpleQueue[Job | None]") -> None:
        # Nothing that hangs may keep the process from ending.
        super().__init__(name="task", daemon=True)
        self._jobs = jobs
        self._under_way = threading.Lock()
        self.job: Job | None = None
        self.began = 0.0
        self.given_up = self._interrupted = False

    def run(self) -> None:
        while not self.given_up and (job := self._jobs.get()):
            try:
                self._do(job)
            except BaseException:  # of Celery's bookkeeping; the next job is another's
                log.warning("task.not_settled", exc_info=True)

    def interrupt(self, job: Job) -> bool:
        """Raise in the job, once; it sees that when it is back from whatever it waits for."""
        with self._under_way:
            if self.job is not job or self._interrupted:
                return False
            self._interrupted = True
            _raise_in(self, SoftTimeLimitExceeded)
        return True

    def give_up(self, job: Job) -> bool:
        """What it still does is nobody's any more. False if the job has ended by itself."""
        with self._under_way:
            self.given_up = self.job is job
        return self.given_up

    def _do(self, job: Job) -> None:
        job.accepted(os.getpid(), time.monotonic())
        self.began, self._interrupted, self.job = time.monotonic(), False, job
        try:
            answer, error = job.target(*job.args, **job.kwargs), None
        except BaseException as raised:  # noqa: BLE001 - SystemExit would have ended a process
            answer, error = None, raised
        with self._under_way:
            self.job = None
            _raise_in(self, None)
        if self.given_up:
            return
        if error is None:
            job.succeeded(answer)
        else:
            job.failed(_lost(error))


class ThreadPool(BasePool):  # type: ignore[misc]  # Celery ships no types
    """Celery's interface to it. What was not begun when it stops is dropped: a message says only where to look."""

    body_can_be_buffer = True
    signal_safe = False
    look_s = 0.5
    """Between two looks at how long tasks run: Celery makes the pool, so this is no argument."""
    frozen_s = 30.0
    """No thread got a turn for so long: longer than any pause of ours, shorter than anybody should wait."""

    def on_start(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[_Thread] = []
        self._hung: list[_Thread] = []
        self._ended = threading.Event()
        self._put_off_the_end()  # the very first task may hold the lock
        for _ in range(self.limit):
            self._start_thread()
        threading.Thread(target=self._watch, name="keep time limits", daemon=True).start()

    def on_apply(self, target: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Job:
        job = Job(target, args, kwargs, **options)
        self._jobs.put(job)
        return job

    def terminate_job(self, pid: int, signal: Any = None) -> None:
        """Not possible with a thread."""

    def on_stop(self) -> None:
        """Wait for what runs, within its limits; in a cold shutdown Celery has waited already."""
        self._drop_waiting()
        while any(t.job for t in self._threads) and not state.should_terminate:
            time.sleep(self.look_s / 10)
        self.on_terminate()

    def on_terminate(self) -> None:
        self._drop_waiting()
        self._ended.set()
        faulthandler.cancel_dump_traceback_later()
        for _ in self._threads:
            self._jobs.put(None)

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "threads": len(self._threads), "hung": len(self._hung)}

    def _start_thread(self) -> None:
        self._threads.append(thread := _Thread(self._jobs))
        thread.start()

    def _drop_waiting(self) -> None:
        try:
            while True:
                self._jobs.get_nowait()
        except Empty:
            return

    def _watch(self) -> None:
        while not self._ended.wait(self.look_s):
            self._put_off_the_end()
            for thread in list(self._threads):
                if job := thread.job:
                    self._keep_limits(thread, job, time.monotonic() - thread.began)

    def _put_off_the_end(self) -> None:
        """A thread of C, for which no lock is needed, ends the process unless this is called again in time."""
        faulthandler.dump_traceback_later(self.frozen_s, exit=True, file=_STDERR)

    def _keep_limits(self, thread: _Thread, job: Job, age_s: float) -> None:
        if age_s > job.hard_s:
            if thread.give_up(job):
                self._replace(thread, job)
        elif age_s > job.soft_s and thread.interrupt(job):
            job.timed_out(True, job.soft_s)

    def _replace(self, thread: _Thread, job: Job) -> None:
        give_up_leases_of(thread)
        job.timed_out(False, job.hard_s)
        self._threads.remove(thread)
        self._hung = [each for each in (*self._hung, thread) if each.is_alive()]
        if len(self._hung) > self.limit * _MOST_HUNG:
            log.critical("worker.hangs", threads=self.limit, hung=len(self._hung))
            state.should_stop = EX_FAILURE
        self._start_thread()


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """At its next step in Python; None takes back what was not raised yet."""
    raised = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), raised)


def _lost(error: BaseException) -> Any:
    """As a process that ended in the middle is told of; without the words of what was raised."""
    try:
        raise WorkerLostError(type(error).__name__) from None
    except WorkerLostError:
        return ExceptionInfo()
