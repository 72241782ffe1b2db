"""A worker that is told to stop ends in time, with a Redis that is away, or hangs, or a pool that never ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from devtools.deployment import Deployment
from devtools.servers import Server, wait_until
from tests.failures.ingesting import SHARED_TABLES

# Celery alone takes more than twenty, or for ever.
ENDS_S = 15


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Server]:
    with Server.start("redis", "--dir", str(tmp_path)) as server:
        yield server


def runs(pid: str) -> bool:
    """Whether there is such a process, dead ones that nobody has asked for aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["away", "hangs"])
def test_worker_told_to_stop_ends_though_redis_does_not_answer(
    own_redis: Server, faulty_tablestore_url: str, dashscope_url: str, how: signal.Signals
) -> None:
    own = Deployment(own_redis.url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES)
    (worker,) = own.start_workers("ingest,extract")
    server = int(redis.Redis.from_url(own_redis.url).info("server")["process_id"])
    try:
        os.kill(server, how)

        worker.process.terminate()
        worker.process.wait(ENDS_S)
    finally:
        worker.kill()
        if how == signal.SIGSTOP:
            os.kill(server, signal.SIGCONT)


def test_worker_told_to_stop_ends_though_its_pool_never_does(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str
) -> None:
    own = Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES)
    (worker,) = own.start_workers("ingest", app="tests.failures.endless_worker")
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    try:
        worker.process.terminate()
        worker.process.wait(ENDS_S)

        assert children
        wait_until(lambda: not any(map(runs, children)), "its children are gone, too")
    finally:
        worker.kill()
