"""A pool of threads that keeps time limits, though a thread cannot be killed."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery.platforms import EX_FAILURE
from celery.worker import state
from redis import Redis

from devtools.servers import wait_until
from tablestore_memory.worker.pool.threads import ThreadPool
from tablestore_memory.worker.state.lease import Lease

LIMIT_S = 1.0
"""Of a task that is to be in the middle of its work by then, also on a busy machine."""


class Told:
    """What Celery is told of a task, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.error: Any = None

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "accept_callback": lambda *_: self.events.append("accepted"),
            "callback": lambda answer: self.events.append(f"answered {answer}"),
            "error_callback": self._failed,
            "timeout_callback": lambda soft, _: self.events.append("soft" if soft else "hard"),
        }

    def _failed(self, info: Any) -> None:
        self.error = info.exception
        self.events.append("failed")


class Watchful(ThreadPool):
    look_s = 0.02


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPool]:
    monkeypatch.setattr(state, "should_stop", None)
    pool = Watchful(limit=2)
    pool.start()
    yield pool
    pool.terminate()


def run(pool: ThreadPool, work: Callable[[], Any], **limits: float) -> Told:
    told = Told()
    pool.apply_async(work, **told.callbacks(), **limits)
    return told


def waiting_for(event: threading.Event) -> Callable[[], str]:
    """Work that no exception reaches, until the event lets it go on."""

    def work() -> str:
        event.wait()
        return "late"

    return work


def test_task_is_accepted_and_its_answer_told(pool: ThreadPool) -> None:
    told = run(pool, lambda: 7)

    wait_until(lambda: told.events == ["accepted", "answered 7"], "the answer")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), RuntimeError("text")])
def test_task_that_would_end_its_process_is_told_as_lost_and_its_thread_lives(
    pool: ThreadPool, error: BaseException
) -> None:
    def leave() -> None:
        raise error

    hurt = [run(pool, leave) for _ in range(3)]

    wait_until(lambda: all(told.events == ["accepted", "failed"] for told in hurt), "all told")
    assert "text" not in str(hurt[0].error)
    told = run(pool, lambda: 7)
    wait_until(lambda: "answered 7" in told.events, "the next answer")


def test_task_over_its_soft_limit_is_interrupted_and_no_other(pool: ThreadPool) -> None:
    seen: list[str] = []

    def spin() -> str:
        try:
            while True:
                pass
        except SoftTimeLimitExceeded:
            seen.append("interrupted")
        return "ended"

    told = run(pool, spin, soft_timeout=LIMIT_S)
    others = [run(pool, lambda: 7) for _ in range(20)]

    wait_until(lambda: told.events == ["accepted", "soft", "answered ended"], "the end")
    wait_until(lambda: all("answered 7" in other.events for other in others), "the others")
    assert seen == ["interrupted"]


def test_task_over_its_hard_limit_loses_its_leases_and_another_takes_its_place(
    pool: ThreadPool, redis_url: str, fresh_name: str
) -> None:
    go_on, left = threading.Event(), []
    with Redis.from_url(redis_url) as redis:

        def hang() -> None:
            with Lease(redis, fresh_name, ttl_ms=200) as lease:
                go_on.wait()
                left.append(lease.is_held)

        told = run(pool, hang, timeout=LIMIT_S)

        wait_until(lambda: told.events == ["accepted", "hard"], "given up")
        wait_until(lambda: not redis.exists(fresh_name), "its lease has run out")
        assert len(pool._threads) == 2
        go_on.set()
        wait_until(lambda: left == [False], "it goes on without a lease")
        wait_until(lambda: not pool._hung[0].is_alive(), "its thread ends")
        assert told.events == ["accepted", "hard"]  # what it gives is nobody's any more


def test_worker_ends_when_too_many_threads_hang(pool: ThreadPool) -> None:
    go_on = threading.Event()

    run(pool, waiting_for(go_on), timeout=0.1)

    wait_until(lambda: state.should_stop == EX_FAILURE, "the worker is told to end")
    go_on.set()


def test_stopped_pool_ends_what_runs_and_drops_what_waits(pool: ThreadPool) -> None:
    go_on = threading.Event()
    running = [run(pool, waiting_for(go_on)) for _ in range(2)]
    wait_until(lambda: all(told.events for told in running), "both run")
    waiting = run(pool, lambda: 7)
    stopping = threading.Thread(target=pool.stop)

    stopping.start()
    wait_until(lambda: pool._jobs.empty(), "what waits is dropped")
    assert stopping.is_alive()
    go_on.set()
    stopping.join()

    wait_until(lambda: all("answered late" in told.events for told in running), "they ended")
    assert waiting.events == []


@pytest.mark.parametrize(("look_s", "after_s"), [(0.1, 0.5), (30.0, 0.0)])
def test_process_in_which_no_thread_can_run_ends_itself_and_says_where(
    look_s: float, after_s: float
) -> None:
    """Also before the first look: a worker that starts anew may be given the same task at once."""
    program = f"""if True:
        import itertools, time
        from tablestore_memory.worker.pool.threads import ThreadPool
        class Impatient(ThreadPool):
            look_s, frozen_s = {look_s}, 1.0
        pool = Impatient(limit=1)
        pool.start()
        def hold_the_lock(): max(itertools.repeat(0))
        nothing = dict.fromkeys(("callback", "error_callback", "timeout_callback"))
        time.sleep({after_s})
        pool.apply_async(hold_the_lock, accept_callback=lambda *_: None, **nothing)
        time.sleep(60)
    """

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)

    assert ended.returncode == 1
    assert b"hold_the_lock" in ended.stderr
