"""What a command needs, and nothing else: services, settings, packages, a person's word."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pexpect
import pytest
import redis as redis_py

import tablestore_memory
from devtools.commands import memory_worker
from devtools.deployment import Deployment
from tests.failures.ingesting import SHARED_TABLES, append, drain_all, message

NOBODY = "127.0.0.1:9"  # the discard port: nothing listens
RUN = "from tablestore_memory.worker.cli import main; main()"


@pytest.fixture(scope="module")
def idle(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    """A deployment without workers, with one stored message of the user `mei`."""
    with Deployment(redis_url, tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        append(deployment, 0, message("mei", 1))
        drain_all(deployment, 0)
        return deployment


@pytest.mark.parametrize(
    "command",
    [
        ("sessions", "mei"),
        ("messages", "mei", "mei"),
        ("memories", "mei"),
        ("history", "mei"),
        ("search", "mei", "tea"),
    ],
    ids=lambda command: command[0],
)
def test_reading_needs_no_redis(idle: Deployment, command: tuple[str, ...]) -> None:
    answer = memory_worker(
        idle.environment | {"REDIS_URL": f"redis://{NOBODY}/0"}, *command, "--json"
    )

    assert answer.returncode == 0, answer.stderr.decode()
    assert isinstance(json.loads(answer.stdout), list)


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("publish", "-"),
        ("remember", "mei", "Answer in French."),
        ("forget", "nobody", "--yes"),
        ("dead", "list"),
        ("dead", "discard", "--all", "--yes"),
        ("dead", "retry", "--all"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_stands_in_redis_needs_no_other_setting(
    redis_url: str, fresh_name: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    environment = {"REDIS_URL": redis_url, "MEMORY_PREFIX": fresh_name}

    answer = memory_worker(environment, *command, "--json", folder=tmp_path)

    assert answer.returncode == 0, answer.stderr.decode()
    json.loads(answer.stdout)


def test_waiting_needs_no_other_setting_than_where_redis_is(
    redis_url: str, fresh_name: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_url, "MEMORY_PREFIX": fresh_name}

    answer = memory_worker(environment, "wait", "--json", folder=tmp_path)

    assert json.loads(answer.stdout)["done"]


@pytest.fixture
def thin(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python where only what `pip install tablestore-memory-worker` brings can be imported."""
    for package in (tablestore_memory, redis_py, msgspec):
        folder = Path(str(package.__file__)).parent
        (tmp_path / folder.name).symlink_to(folder)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-c", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    return run


def test_publisher_alone_is_told_what_to_install_to_recall(
    thin: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    answer = thin("from tablestore_memory import Publisher, Recall")

    (told,) = re.findall(r"^ModuleNotFoundError: (.*)", answer.stderr, re.MULTILINE)
    assert told.endswith(" is not installed; pip install 'tablestore-memory-worker[recall]'")


def test_publisher_alone_is_told_what_to_install(
    thin: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    answer = thin(RUN, "status")

    assert answer.returncode == 2
    assert answer.stderr == (
        "memory-worker: typer is not installed; pip install 'tablestore-memory-worker[worker]'\n"
    )


@pytest.mark.parametrize("flags", [(), ("--json",)])
@pytest.mark.parametrize("command", [("forget", "mei"), ("dead", "discard", "--all")])
def test_deleting_needs_a_yes_where_nobody_can_be_asked(
    idle: Deployment, command: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    idle.services.dead.add(0, event=b"{}", reason="for the test", queue="ingest")
    before = left(idle)

    answer = idle.command(*command, *flags)

    assert answer.returncode == 2
    assert b"--yes" in answer.stderr
    assert left(idle) == before


@pytest.mark.parametrize(("word", "code"), [("n", 1), ("y", 0)])
@pytest.mark.parametrize("command", [("forget", "nobody"), ("dead", "discard", "--all")])
def test_deleting_asks_the_person_at_the_terminal(
    idle: Deployment, command: tuple[str, ...], word: str, code: int
) -> None:
    idle.services.dead.add(0, event=b"{}", reason="for the test", queue="ingest")
    before = left(idle)
    child = pexpect.spawn(
        sys.executable,
        ["-c", RUN, *command, "--json"],
        env={**os.environ, **idle.environment},
        encoding="utf-8",
        timeout=60,
    )

    child.expect_exact("[y/N]: ")
    child.sendline(word)
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == code
    assert (left(idle) == before) == (word == "n")


def left(deployment: Deployment) -> tuple[int, int]:
    """Dead letters, and events that wait."""
    streams, redis = deployment.services.streams, deployment.services.redis
    return (
        deployment.services.dead.count(),
        sum(int(redis.xlen(streams.events(partition))) for partition in range(4)),
    )
