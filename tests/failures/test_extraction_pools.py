"""Extraction in processes and in threads: stopped, killed and hurt, it leaves the same."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.extraction import memory_rows, said, store, waiting
from devtools.servers import wait_until
from tests.failures.extraction_kills import NO_LIMITS
from tests.failures.hostile import HANG, SPIN, WAIT
from tests.failures.ingesting import idle_deployment
from tests.local_dashscope import LocalDashScope

POOLS = {"prefork": 4, "threads": 64}
MOST_MB = 300


@pytest.fixture
def deployment(
    redis_url: str,
    faulty_tablestore_url: str,
    dashscope_url: str,
    local_dashscope: LocalDashScope,
) -> Iterator[Deployment]:
    deployment = idle_deployment(redis_url, faulty_tablestore_url, dashscope_url, **NO_LIMITS)
    yield deployment
    for worker in deployment.workers:
        worker.kill()


def start(deployment: Deployment, pool: str) -> Child:
    (worker,) = deployment.start_workers("extract", pool=pool, concurrency=POOLS[pool])
    return worker


def start_and_wait(
    deployment: Deployment, local_dashscope: LocalDashScope, pool: str, calls: int
) -> Child:
    """A worker that has so many calls to a slow Qwen under way."""
    local_dashscope.faults.add("latency", seconds=50)
    worker = start(deployment, pool)
    wait_until(lambda: under_way(deployment) == calls, "all calls under way")
    return worker


def make_due(deployment: Deployment, name: str, count: int) -> list[str]:
    """So many sessions, each of a user of its own; as many calls as they need are allowed at once."""
    users = [f"{name}-{number}" for number in range(count)]
    store(deployment, *(said(user, user, 1, "I like chess.", name="Ana") for user in users))
    key = f"{deployment.settings.prefix}:{{qwen-{deployment.settings.model}}}:counts"
    deployment.services.redis.hset(key, "most", count)
    return users


def under_way(deployment: Deployment) -> int:
    """Calls to the model that nobody has answered."""
    key = f"{deployment.settings.prefix}:{{qwen-{deployment.settings.model}}}:calls"
    return int(deployment.services.redis.zcard(key))


def wait_extracted(deployment: Deployment, users: list[str]) -> None:
    wait_until(lambda: not waiting(deployment), "all extracted")
    assert_extracted(deployment, users)
    assert deployment.services.dead.count() == 0


def assert_extracted(deployment: Deployment, users: list[str]) -> None:
    """Each session once."""
    found = sorted((memory.user_id, memory.text) for memory in memory_rows(deployment))
    expected = {(user, "Ana likes chess") for user in users}
    assert [each for each in found if each[0] in users] == sorted(expected)


@pytest.mark.parametrize("pool", POOLS)
def test_worker_that_is_told_to_stop_ends_soon_and_leaves_its_sessions_to_the_next(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str, pool: str
) -> None:
    users = make_due(deployment, fresh_name, POOLS[pool])
    worker = start_and_wait(deployment, local_dashscope, pool, len(users))

    worker.process.terminate()

    worker.process.wait(timeout=15)  # what supervisors allow
    local_dashscope.reset()
    start(deployment, pool)
    wait_extracted(deployment, users)


@pytest.mark.parametrize("pool", POOLS)
def test_sessions_of_a_worker_that_was_killed_are_extracted_by_the_next(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str, pool: str
) -> None:
    users = make_due(deployment, fresh_name, POOLS[pool])
    worker = start_and_wait(deployment, local_dashscope, pool, len(users))

    worker.kill()

    local_dashscope.reset()
    start(deployment, pool)
    wait_extracted(deployment, users)


def test_one_process_has_a_hundred_calls_under_way_in_little_memory(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    local_dashscope.faults.add("latency", seconds=50)
    make_due(deployment, fresh_name, 100)

    (worker,) = deployment.start_workers("extract", pool="threads", concurrency=100)

    wait_until(lambda: under_way(deployment) == 100, "all calls under way")
    status = Path(f"/proc/{worker.pid}/status").read_text()
    (resident,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    assert int(resident) / 1024 < MOST_MB


def test_calls_that_are_refused_now_and_then_cost_no_session_a_try(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    local_dashscope.faults.add("error", code="Throttling", probability=0.2)
    users = make_due(deployment, fresh_name, 40)

    worker = start(deployment, "threads")

    wait_extracted(deployment, users)
    refused = local_dashscope.calls()["count"]["generation.429"]
    answered = local_dashscope.calls()["count"]["generation"] - refused
    assert (answered, refused > 0) == (len(users), True)
    assert "session.failed" not in worker.output


@pytest.mark.skipif(not os.environ.get("MEMORY_ALL_FAULTS"), reason="takes four minutes")
@pytest.mark.timeout(900)
def test_session_that_hangs_its_thread_is_given_up_and_the_worker_lives_on(
    deployment: Deployment, fresh_name: str
) -> None:
    deployment.environment |= {
        "HOSTILE_STEPS": "extract",
        "MEMORY_ISOLATE_S": "16",
        "MEMORY_EXTRACT_ATTEMPTS": "2",
    }
    store(
        deployment,
        *(
            said(f"{fresh_name}-bad", f"{fresh_name}-{kind}", 1, kind)
            for kind in (HANG, SPIN, WAIT)
        ),
    )
    users = make_due(deployment, fresh_name, 4)

    (worker,) = deployment.start_workers(
        "extract",
        pool="threads",
        concurrency=8,
        supervised=True,
        app="tests.failures.hostile_worker",
    )

    letters = deployment.services.dead
    wait_until(lambda: letters.count() == 3, "all three given up", 800)
    assert_extracted(deployment, users)
    assert {json.loads(letter.event)["user_id"] for letter in letters.all()} == {
        f"{fresh_name}-bad"
    }
    assert "task.ran_apart" in worker.output
