"""A virtual environment that holds the wheel, and programs that run in it."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools.servers import wait_until
from tablestore_memory.localcloud.lifetime import terminated_with_parent


@dataclass(frozen=True)
class Environment:
    """A virtual environment; its programs run in `home`, a folder that is nobody's project."""

    folder: Path
    home: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def variables(self, **more: str) -> dict[str, str]:
        """No more of this process' environment than finding programs takes."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.defpath}"
        return {"PATH": path, "HOME": str(self.home), "NO_PROXY": "127.0.0.1", **more}

    def run(
        self, *command: str, cwd: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=cwd or self.home,
            env=self.variables(**settings or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )


class Running:
    """A program of an environment; `said` is what it printed so far."""

    def __init__(
        self, place: Environment, command: tuple[str, ...], cwd: Path, settings: Mapping[str, str]
    ) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=place.variables(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=terminated_with_parent,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line


@contextmanager
def running(
    place: Environment,
    *command: str,
    ready: str,
    cwd: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Started, and ended at the end of the block; in it, it has printed what `ready` matches."""
    started = Running(place, command, cwd or place.home, settings or {})
    try:
        wait_until(lambda: re.search(ready, started.said), f"{command} is ready")
        yield started
    finally:
        started.process.terminate()
        started.process.wait(30)
