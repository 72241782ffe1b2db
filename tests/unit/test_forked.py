"""A program that is forked is as one that was started: that is what lets tests of real programs fork them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devtools.forked import Forked, run_module


def show() -> None:
    print(os.environ["SHOWN"], Path.cwd(), os.getsid(0) == os.getpid(), sorted(os.environ))


def fail() -> None:
    sys.exit(3)


def sleep() -> None:
    time.sleep(100)


def forked(folder: Path, program: Callable[..., None], *arguments: object) -> Forked:
    files: list[str | Path] = [os.devnull, folder / "out", folder / "err"]
    for file in files[1:]:
        Path(file).touch()
    return Forked(program, *arguments, files=files, environment={"SHOWN": "here"}, folder=folder)


def test_it_has_its_environment_and_folder_alone_and_leads_a_session(tmp_path: Path) -> None:
    process = forked(tmp_path, show)

    assert process.wait(60) == 0
    assert (tmp_path / "out").read_text() == f"here {tmp_path} True ['SHOWN']\n"


def test_its_exit_code_is_its_own(tmp_path: Path) -> None:
    assert forked(tmp_path, fail).wait(60) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_that_ends_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    process = forked(tmp_path, sleep)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)

    process.send_signal(number)

    assert process.wait(60) == process.returncode == -number


def test_module_is_run_as_main_with_its_arguments(tmp_path: Path) -> None:
    process = forked(tmp_path, run_module, ["tablestore_memory.localcloud", "nothing"], int)

    assert process.wait(60) == 2
    assert (tmp_path / "err").read_text().startswith("usage: ")
