"""What keeps work from going on is one visible line, in `status`, `wait` and `doctor` alike."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.sessions.due import Waiting, member
from tablestore_memory.worker.state.clock import now_ms
from tests.failures.ingesting import SHARED_TABLES
from tests.local_dashscope import LocalDashScope

COMMAND = "celery -A tablestore_memory.worker.main worker"
LONG_AGO_S = 600


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        yield deployment


def status(deployment: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(deployment.command("status", "--json").stdout)
    return found


def lines(deployment: Deployment) -> list[str]:
    """What `status` tells a person below the table."""
    answer = deployment.command("status").stdout.decode()
    return answer.rpartition("┘")[2].strip().splitlines()


def lines_of_pauses(deployment: Deployment) -> list[str]:
    """One by one failures are told before, and between two pauses."""
    return [line for line in lines(deployment) if line.startswith("queue ")]


def pause_of_ingest(deployment: Deployment) -> dict[str, Any] | None:
    return next((p for p in status(deployment)["paused"] if p["queue"] == "ingest"), None)


def over(user: str) -> list[dict[str, Any]]:
    return [
        said(user, user, 1, "I like tea."),
        {"type": "session_end", "user_id": user, "session_id": user},
    ]


def test_queue_that_no_worker_consumes_is_named_with_the_command_that_helps(
    deployment: Deployment, fresh_name: str
) -> None:
    deployment.start_workers("ingest", concurrency=1)
    deployment.publish(*over(fresh_name))
    wait_until(lambda: status(deployment)["sessions"], "the session stored")

    waited = deployment.command("wait", "--timeout", "1")
    doctor = deployment.command("doctor")

    wanted = f"no worker consumes queue extract, 1 waiting: start one with `{COMMAND} -Q extract`"
    assert lines(deployment) == [wanted]
    assert status(deployment)["unconsumed"] == ["extract"]
    assert [worker["queues"] for worker in status(deployment)["workers"]] == [["ingest"]]
    assert waited.returncode == 4
    assert wanted in waited.stderr.decode()
    assert doctor.returncode == 3
    assert f"fail  queue extract: {wanted}" in doctor.stdout.decode()


def test_failing_qwen_is_one_line_until_it_works_again(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    local_dashscope.faults.add("error", code="InternalError")
    deployment.start_workers()
    deployment.publish(*over(fresh_name))

    (line,) = wait_until(lambda: lines_of_pauses(deployment), "the pause")
    (failing,) = status(deployment)["failing"]
    doctor = deployment.command("doctor").stdout.decode()
    local_dashscope.reset()
    deployment.wait(150)

    assert re.match(r"queue extract is paused since \d\d:\d\d:\d\d UTC \(", line)
    assert "Qwen: 500" in line
    assert failing["stage"] == "extracting sessions"
    assert failing["since"] <= failing["last"]
    assert "Qwen: 500" in doctor
    assert lines(deployment) == []
    assert status(deployment)["failing"] == []


def test_status_needs_no_tablestore_to_tell_that_it_fails(
    redis_url: str, dashscope_url: str, fresh_name: str
) -> None:
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Deployment(redis_url, tablestore.url, dashscope_url) as deployment,
    ):
        deployment.start_workers("")
        tablestore.stop()
        deployment.publish(*over(fresh_name))

        (line,) = wait_until(lambda: lines_of_pauses(deployment), "the pause")

        assert line.startswith("queue ingest is paused since ")
        assert "Tablestore: " in line
        assert status(deployment)["oldest_event_s"] > 0


def test_look_for_sessions_left_behind_is_told_like_every_stage_when_it_fails(
    redis_url: str, dashscope_url: str, tmp_path: Path
) -> None:
    options = ("--data", str(tmp_path / "rows.db"), "--index-lag", "0")
    with (
        Server.start("tablestore", *options) as tablestore,
        Deployment(redis_url, tablestore.url, dashscope_url, MEMORY_RECONCILE_S="1") as deployment,
    ):
        deployment.start_workers("")
        tablestore.stop()

        # Before its first report a worker is not known to run, which is told, too.
        begins = "looking for sessions left behind fails since "
        told = wait_until(
            lambda: [line for line in lines(deployment) if line.startswith(begins)], "it is told"
        )
        tablestore.restart()
        wait_until(lambda: not lines(deployment), "it works again")

        assert "Tablestore" in told[0]


def test_pause_is_told_with_its_reason_and_since_when(
    deployment: Deployment, fresh_name: str
) -> None:
    """A pause ends by itself and begins anew; that it began long ago stays known."""
    deployment.environment["TABLESTORE_ACCESS_KEY_SECRET"] = "wrong"
    (worker,) = deployment.start_workers("", concurrency=1)
    deployment.publish(*over(fresh_name))
    first = wait_until(lambda: pause_of_ingest(deployment), "a pause")

    wait_until(lambda: worker.output.count('"event": "queue.paused"') > 4, "more pauses")
    later = wait_until(lambda: pause_of_ingest(deployment), "a pause in force")

    line = next(line for line in lines(deployment) if "ingest" in line or "storing" in line)
    assert (first["queue"], first["task"]) == ("ingest", "memory.drain")
    assert "OTSAuthFailed" in first["reason"]
    assert later["since"] == first["since"] is not None
    assert re.match(r"(queue ingest is paused|storing events fails) since \d\d:\d\d:\d\d UTC", line)
    assert "OTSAuthFailed" in line


def test_stage_whose_oldest_item_grows_old_is_told_with_its_age(
    deployment: Deployment, fresh_name: str
) -> None:
    services, user = deployment.services, fresh_name
    redis, streams = services.redis, services.streams
    then = now_ms(redis) - 1000 * LONG_AGO_S
    partition = streams.partition(user)
    for name in ("events", "requests"):
        redis.xadd(streams.key(partition, name), {EVENT_FIELD: "{"}, id=f"{then}-0")
    waiting = Waiting(count=1, tokens=1, first_ms=then, from_us=1, ended=True)
    redis.hset(
        streams.key(partition, "pending"), member(user, user), msgspec.msgpack.encode(waiting)
    )
    redis.zadd(streams.key(partition, "due"), {member(user, user): then})
    for name in ("written", "confirm"):
        redis.zadd(streams.key(partition, name), {MemoryRef(user, "d").name: then})

    told, answer = lines(deployment), status(deployment)
    doctor = deployment.command("doctor").stdout.decode()

    for what in ("event", "request", "session", "unsearchable"):
        assert LONG_AGO_S <= answer[f"oldest_{what}_s"] < LONG_AGO_S + 100
    assert told[0] == f"no worker is running: start one with `{COMMAND}`"
    assert told[1:] == [
        f"the oldest of 1 {what} has waited 10 min"
        for what in (
            *("events to store", "requests to carry out"),
            *("sessions to extract", "memories not searchable"),
        )
    ]
    assert "warn  events to store: the oldest of 1" in doctor


def test_budget_that_is_told_is_the_workers_own(
    deployment: Deployment,
) -> None:
    deployment.environment["MEMORY_DAILY_TOKENS"] = "12345"
    deployment.start_workers("extract", concurrency=1)
    del deployment.environment["MEMORY_DAILY_TOKENS"]

    told = wait_until(lambda: status(deployment)["daily_tokens"], "the worker's report")

    assert told == 12345
    assert "12345" in deployment.command("status").stdout.decode()
