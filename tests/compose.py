"""What `docker compose` makes of our files: its own `config` command, in a copy of them."""

import os
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOCAL, CLOUD = "docker-compose.yml", "docker-compose.cloud.yml"
# The plugin of Docker, or Debian's package docker-compose; neither needs an engine for this.
_PROGRAMS = (["docker", "compose"], ["docker-compose"])


def copy_to(folder: Path) -> None:
    """The files that compose reads, and nothing that happens to lie beside them."""
    for name in (LOCAL, CLOUD):
        shutil.copy(ROOT / name, folder)
    kept = shutil.ignore_patterns("cloud.env")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=kept)


def services(folder: Path, file: str) -> dict[str, dict[str, Any]]:
    """The services of a file as compose understands them; commands are lists."""
    done = subprocess.run(
        [*_program(), "-f", file, "config"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = yaml.safe_load(done.stdout)["services"]
    for service in found.values():
        if isinstance(service["command"], str):
            service["command"] = shlex.split(service["command"])
    return found


def published(service: dict[str, Any]) -> tuple[str, int, int]:
    """Where a service is reached from the machine: address, port there, port inside."""
    (port,) = service["ports"]
    if isinstance(port, str):
        host, outside, inside = port.removesuffix("/tcp").split(":")
    else:
        host, outside, inside = port["host_ip"], port["published"], port["target"]
    return host, int(outside), int(inside)


@cache
def _program() -> list[str]:
    for program in _PROGRAMS:
        if shutil.which(program[0]) and not _code([*program, "version"]):
            return program
    reason = "neither `docker compose` nor docker-compose is installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _code(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, timeout=60).returncode
