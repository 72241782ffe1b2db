"""`status --watch`: the same words again and again, at a terminal in place, as JSON a line each."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from redis import Redis

from devtools.child import Child
from devtools.commands import CommandChild
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.state.dead_letters import INGEST, DeadLetters
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams

MEMORY_WORKER = str(Path(sys.executable).with_name("memory-worker"))
WATCH = ["status", "--watch", "--every", "0.1"]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server.start("redis") as server:
        yield server


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    return {**os.environ, "REDIS_URL": server.url}


def documents(watched: Child) -> list[dict[str, Any]]:
    """All but a line that is being written."""
    return [json.loads(line) for line in watched.output.rpartition("\n")[0].splitlines()]


def test_watch_tells_what_changes_and_goes_on_while_redis_is_away(
    server: Server, environment: dict[str, str]
) -> None:
    command = [*WATCH, "--json"]
    watched = CommandChild("status", command, ready='"at"', environment=environment)
    watched.wait_ready()
    with Redis.from_url(server.url) as redis:
        redis.xadd("memory:{1}:events", {EVENT_FIELD: "{"})
        wait_until(lambda: documents(watched)[-1].get("events") == 1, "the event is seen")

    server.stop()
    wait_until(lambda: "error" in documents(watched)[-1], "that Redis is away is told")
    server.restart()
    wait_until(lambda: "at" in documents(watched)[-1], "it goes on")
    watched.process.send_signal(signal.SIGINT)

    assert watched.process.wait(20) == 0
    error = next(each["error"] for each in documents(watched) if "error" in each)
    assert error == f"Redis at 127.0.0.1:{server.port} does not answer"


def test_watch_at_a_terminal_shows_the_table_in_place_with_ages(
    server: Server, environment: dict[str, str]
) -> None:
    with Redis.from_url(server.url) as redis:
        streams = state_streams("memory")
        letter = {"event": b"{", "reason": "for the test", "queue": INGEST}
        DeadLetters(redis, streams).add(1, **letter)  # type: ignore[arg-type]
        assert redis.xlen(Keys(streams).dead(1)) == 1
        child = pexpect.spawn(
            MEMORY_WORKER,
            WATCH,
            env=environment,
            encoding="utf-8",
            dimensions=(40, 120),
            timeout=60,
        )

        child.expect(r"dead letters.*? 1 .*?\d+ s")
        child.expect("no worker is running")
        redis.xadd("memory:{1}:events", {EVENT_FIELD: "{"})
        child.expect(r"events to store.*? 1 ")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()

    assert child.exitstatus == 0
