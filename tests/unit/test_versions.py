"""Versions that are written in several places are one version: ours, and the Python that is home."""

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from tablestore_memory import __version__

ROOT = Path(__file__).parents[2]
HOME = (ROOT / ".python-version").read_text(encoding="utf-8").strip()


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_image_has_the_python_that_is_home() -> None:
    assert set(re.findall(r"^FROM python:([\d.]+)-slim", text("Dockerfile"), re.MULTILINE)) == {
        HOME
    }


def test_changelog_has_a_dated_chapter_for_this_version() -> None:
    assert re.search(
        rf"^## {re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)$", text("CHANGELOG.md"), re.MULTILINE
    )


@pytest.mark.parametrize(
    "exit_code, taken", [(0, f"python{HOME}"), (127, "python3")], ids=["works", "only says no"]
)
def test_make_takes_the_python_that_is_home_if_it_works(
    exit_code: int, taken: str, tmp_path: Path
) -> None:
    """A version manager leaves commands that fail where nothing is installed behind them."""
    command = tmp_path / f"python{HOME}"
    command.write_text(f"#!/bin/sh\nexit {exit_code}\n", encoding="utf-8")
    command.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHON"}

    told = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "--eval",
            "which-python: ; @echo $(PYTHON)",
            "which-python",
        ],
        cwd=ROOT,
        env=environment | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == f"{taken}\n"


def test_no_field_has_a_default_that_an_older_python_refuses() -> None:
    """3.11 takes no view of a dict, which has no hash there; it says so at import, and home does not."""
    import tablestore_memory.server.app
    import tablestore_memory.worker.app  # noqa: F401 - all of a worker

    classes = [
        member
        for name, module in list(sys.modules.items())
        if name.startswith("tablestore_memory.")
        for _, member in inspect.getmembers(module, is_dataclass)
        if isinstance(member, type)
    ]
    refused = {
        f"{cls.__qualname__}.{field.name}"
        for cls in classes
        for field in fields(cls)
        if isinstance(field.default, MappingProxyType)
    }
    assert len(classes) > 100
    assert refused == set()
