"""`memory-worker wait` waits for what was published before, and no longer than it was told to."""

import json
import os
import signal
from collections.abc import Iterator

import pytest
import redis

from devtools.commands import memory_worker
from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import Server
from devtools.steady import Steady
from tests.failures.ingesting import SHARED_TABLES


@pytest.fixture
def hung(
    tablestore_url: str, dashscope_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A deployment whose Redis takes connections and answers nobody."""
    with (
        Server.start("redis", "--appendonly", "no") as server,
        Deployment(server.url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment,
    ):
        pid = redis.Redis.from_url(server.url).info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        yield deployment
        os.kill(pid, signal.SIGCONT)


def test_wait_ends_while_others_go_on_publishing(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    """They talk without a pause, so there is always something on its way."""
    with Deployment(
        redis_url,
        tablestore_url,
        dashscope_url,
        MEMORY_MAX_WAIT_S="3",
        MEMORY_MAX_MESSAGES="100000",
        MEMORY_MAX_TOKENS="100000000",
        **SHARED_TABLES,
    ) as deployment:
        deployment.start_workers()
        others = Steady(deployment, 40, [f"{fresh_name}-{n}" for n in range(4)])
        others.start()
        try:
            deployment.publish(
                said(fresh_name, fresh_name, 1, "I like tea."),
                {"type": "session_end", "user_id": fresh_name, "session_id": fresh_name},
            )
            waited = deployment.command("wait", "--json", "--timeout", "60")
            left = json.loads(deployment.command("status", "--json").stdout)
        finally:
            others.stop()

        assert waited.returncode == 0, waited.stderr.decode()
        assert json.loads(waited.stdout)["done"]
        assert len(deployment.texts(fresh_name)) == 1
        assert left["sessions"] > 0


def test_wait_keeps_its_timeout_when_redis_hangs(hung: Deployment) -> None:
    answer = hung.command("wait", "--timeout", "1")

    said_so = answer.stderr.decode()
    assert answer.returncode == 3
    assert "not done after 1 s: Redis at 127.0.0.1:" in said_so
    assert said_so.count("\n") == 1


def test_doctor_tells_once_that_redis_hangs_and_looks_at_the_rest(hung: Deployment) -> None:
    answer = memory_worker(hung.environment, "doctor", "--json")

    findings = json.loads(answer.stdout)
    failed = [f for f in findings if f["level"] == "fail"]
    looked_at = [f["what"] for f in findings if f["level"] == "ok"]
    assert answer.returncode == 3
    assert [f["what"] for f in failed] == ["Redis"]
    assert failed[0]["found"] == "no answer within 5 s: check REDIS_URL"
    assert "table shared_session" in looked_at
    assert "model text-embedding-v4" in looked_at
