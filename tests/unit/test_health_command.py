"""`memory-worker health`, as a probe runs it: beside a real Redis, with reports of workers in it."""

import os
import signal
import socket
import subprocess
import sys

import pytest
import redis

from devtools.commands import memory_worker
from devtools.servers import Server
from tablestore_memory import __version__
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.dispatch.heartbeat import Worker, report_alive

HERE = f"{socket.gethostname()}:4711"
COMMAND = "from tablestore_memory.worker.cli import main; main()"


def run(url: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """With no setting but Redis', so that nothing else can be asked."""
    return memory_worker({"REDIS_URL": url, **environment}, *arguments)


def run_anew(
    url: str, *arguments: str, code: str = COMMAND, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """In an interpreter that has loaded nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PATH": os.environ["PATH"], "REDIS_URL": url, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def reported(url: str, prefix: str, name: str, *queues: str, ago_ms: int = -60_000) -> None:
    """A minute ahead, so that it lives however long the command takes to start."""
    with redis.Redis.from_url(url) as client:
        report_alive(client, Streams(prefix), Worker(name, queues))
        (key,) = client.keys(f"{prefix}:*")
        (member,) = client.zrange(key, -1, -1)
        client.zincrby(key, -ago_ms, member)


def test_redis_that_answers_is_healthy(redis_url: str) -> None:
    done = run(redis_url, "health")

    assert (done.returncode, done.stdout) == (0, b"healthy: Redis answers\n")


@pytest.mark.parametrize(
    "options",
    [
        ["--worker", HERE],
        ["--worker", "%h"],
        ["--queue", "ingest"],
        ["--worker", "%h", "--queue", "ingest"],
    ],
)
def test_worker_is_found_by_its_name_its_host_and_its_queue(
    redis_url: str, fresh_name: str, options: list[str]
) -> None:
    reported(redis_url, fresh_name, HERE, "ingest")

    done = run(redis_url, "health", *options, MEMORY_PREFIX=fresh_name)

    assert (done.returncode, done.stdout) == (0, f"healthy: {HERE}\n".encode())


@pytest.mark.parametrize(
    "options",
    [["--queue", "extract"], ["--worker", "elsewhere"], ["--worker", "%h", "--queue", "extract"]],
)
def test_another_worker_is_not_the_one_that_is_meant(
    redis_url: str, fresh_name: str, options: list[str]
) -> None:
    reported(redis_url, fresh_name, HERE, "ingest")

    done = run(redis_url, "health", *options, MEMORY_PREFIX=fresh_name)

    assert done.returncode == 1
    assert done.stderr.startswith(b"unhealthy: no worker")
    assert done.stderr.count(b"\n") == 1


def test_report_of_more_than_ten_seconds_ago_does_not_count(
    redis_url: str, fresh_name: str
) -> None:
    reported(redis_url, fresh_name, HERE, "ingest", ago_ms=10_001)

    assert run(redis_url, "health", "--queue", "ingest", MEMORY_PREFIX=fresh_name).returncode == 1


@pytest.mark.parametrize(
    "gone_by, told", [(signal.SIGKILL, ": Error"), (signal.SIGSTOP, " within 2 s\n")]
)
def test_redis_that_is_gone_or_hangs_is_unhealthy(gone_by: signal.Signals, told: str) -> None:
    with Server.start("redis", "--appendonly", "no") as server:
        with redis.Redis.from_url(server.url) as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, gone_by)

        done = run(server.url, "health")

        server.kill()  # and with it the Redis, stopped or not
    assert done.returncode == 1
    assert done.stderr.startswith(f"unhealthy: Redis does not answer{told}".encode())
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("url", ["redis://:pa/ss@127.0.0.1:1/0", "http://:pa@127.0.0.1"])
def test_wrong_address_is_unhealthy_and_not_shown(url: str) -> None:
    done = run(url, "health")

    assert done.returncode == 1
    assert b"REDIS_URL" in done.stderr
    assert b"pa" not in done.stderr.replace(b"pattern", b"")


@pytest.mark.parametrize("arguments", [["health"], ["--version"]])
def test_probe_loads_no_sdk(redis_url: str, arguments: list[str]) -> None:
    """It is run every few seconds on every machine."""
    code = (
        "import sys, atexit\n"
        "heavy = lambda: {'tablestore', 'dashscope', 'celery', 'numpy'} & set(sys.modules)\n"
        "atexit.register(lambda: print('loaded:', *heavy()))\n"
    )

    done = run_anew(redis_url, *arguments, code=code + COMMAND)

    assert done.stdout.endswith("loaded:\n")


def test_version_is_the_package_s() -> None:
    done = run("", "--version")

    assert done.stdout == f"{__version__}\n".encode()


def test_every_command_can_be_completed_by_the_shell() -> None:
    typed = {"COMP_WORDS": "memory-worker doc", "COMP_CWORD": "1"}

    done = run_anew("", **typed, _PYTHON__C_COMPLETE="complete_bash")

    assert "doctor" in done.stdout
