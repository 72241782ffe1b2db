"""`make up` and its like: what runs on this machine begins as one, ends as one, and says what is wrong."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import urlopen

import pexpect
import pytest
import redis
from dotenv import dotenv_values

from devtools.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]
UP = [sys.executable, "-m", "devtools.up"]
SERVERS = ("REDIS", "TABLESTORE", "DASHSCOPE", "SERVER")
# Each takes a port that is free when it does: one that was looked for before may be taken by then.
ANY_PORTS = {f"LOCAL_{name}_PORT": "0" for name in SERVERS}
STARTS_S = 90


def parents() -> dict[int, int]:
    """The parent of each process that runs."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    parent_of = parents()
    found = {pid}
    while more := {child for child, parent in parent_of.items() if parent in found} - found:
        found |= more
    return found


def all_end(pids: set[int]) -> None:
    wait_until(lambda: not pids & parents().keys(), f"the end of all of {sorted(pids)}")


def heed_hangups() -> None:
    """Also where the test run itself was told to outlive its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pid_of(child: "pexpect.spawn[str]") -> int:
    assert child.pid is not None
    return child.pid


@contextmanager
def started(folder: Path) -> Iterator["pexpect.spawn[str]"]:
    """A terminal in which everything runs, with ports of its own."""
    child = pexpect.spawn(
        UP[0],
        UP[1:],
        cwd=folder,
        env=os.environ | ANY_PORTS,
        encoding="utf-8",
        timeout=STARTS_S,
        dimensions=(40, 200),
        preexec_fn=heed_hangups,
    )
    try:
        child.expect_exact("running until Ctrl-C")
        yield child
    finally:
        child.close(force=True)


def workers(pid: int) -> dict[str, int]:
    """The main process of each worker under a process, by its name."""
    children = [child for child, parent in parents().items() if parent == pid]
    lines = {child: Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in children}
    return {
        line[line.index("-n") + 1].partition("@")[0]: child
        for child, line in lines.items()
        if "-n" in line
    }


@pytest.mark.timeout(240)
def test_addresses_and_logs_are_told_and_a_second_start_is_refused(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        told = str(up.before)
        environment = os.environ | ANY_PORTS
        second = subprocess.run(
            UP, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=STARTS_S
        )

        settings = dotenv_values(tmp_path / ".env")
        assert str(settings["REDIS_URL"]) in told
        assert str(settings["TABLESTORE_ENDPOINT"]) in told
        assert str(settings["DASHSCOPE_HTTP_BASE_URL"]) in told
        assert ".local/*.log" in told
        (page,) = re.findall(r"^page, good once.* (\S+)\r?$", told, re.MULTILINE)
        with urlopen(page) as answer:
            assert answer.headers["Set-Cookie"]
        assert {log.stem for log in (tmp_path / ".local").glob("*.log")} == {
            *("redis", "tablestore", "dashscope", "ingest", "extract", "server")
        }
        assert second.returncode == 1
        assert second.stderr == "make up: .local is in use: what works there runs already\n"
        assert sorted(workers(pid_of(up))) == ["extract", "ingest"]

        up.sendintr()
        up.expect(pexpect.EOF)
        up.close()
        assert up.exitstatus == 0


def test_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        environment = os.environ | ANY_PORTS | {"LOCAL_TABLESTORE_PORT": port}

        answer = subprocess.run(
            UP, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=STARTS_S
        )

    assert answer.returncode == 1
    assert answer.stderr == f"make up: in use by another program: port {port} (tablestore)\n"
    assert not list(tmp_path.glob(".local/*.log"))


@pytest.mark.timeout(240)
def test_all_of_it_ends_with_its_terminal(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        everything = descendants(pid_of(up))

        cast(Any, up).ptyproc.fileobj.close()  # what closing a terminal's window does

        assert len(everything) > 8
        all_end(everything)


@pytest.mark.timeout(240)
def test_all_of_it_ends_when_its_own_process_is_killed(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        everything = descendants(pid_of(up))

        os.kill(pid_of(up), signal.SIGKILL)

        all_end(everything)


@pytest.mark.timeout(240)
def test_all_of_it_ends_when_what_started_it_is_killed(tmp_path: Path) -> None:
    """As `make` may be; no terminal tells it then."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"{shlex.join(UP)}; true"],
        cwd=tmp_path,
        env=os.environ | ANY_PORTS,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_hangups,
        text=True,
    )
    assert shell.stdout is not None
    assert any("running until Ctrl-C" in line for line in iter(shell.stdout.readline, ""))
    everything = descendants(shell.pid)

    shell.kill()
    shell.wait()

    try:
        assert len(everything) > 8
        all_end(everything)
    finally:
        for pid in everything & parents().keys():
            os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", ["redis", "ingest"])
def test_part_that_dies_is_named_and_everything_ends(tmp_path: Path, part: str) -> None:
    with started(tmp_path) as up:
        everything = descendants(pid_of(up))
        url = urlsplit(str(dotenv_values(tmp_path / ".env")["REDIS_URL"]))
        server = redis.Redis(port=url.port or 0).info("server")["process_id"]
        victims = {"redis": server, **workers(pid_of(up))}

        os.kill(victims[part], signal.SIGKILL)

        up.expect_exact(f"{part} ended by SIGKILL; its log is .local/{part}.log")
        up.expect(pexpect.EOF, timeout=60)
        up.close()
        assert up.exitstatus == 1
        all_end(everything)


@pytest.mark.parametrize("name", ["", "NAME=demo", "NAME=nothing"])
def test_wrong_name_of_an_example_is_said_before_anything_is_made(name: str) -> None:
    answer = subprocess.run(
        ["make", "--no-print-directory", "example", *filter(None, [name])],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 2
    assert "NAME= one of: add_memories append_messages" in answer.stderr
    assert answer.stdout == ""
