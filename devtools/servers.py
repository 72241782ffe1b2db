"""Local servers as child processes, and waiting for what they do.

    with Server.start("tablestore", "--data", ":memory:") as server:
        client = OTSClient(server.url, …)

A server takes a free port and keeps it over `restart`.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from devtools.child import Child, PythonChild

T = TypeVar("T")

PATIENCE_S = 120
"""When waiting is given up. No claim about speed: a busy machine has its time."""

SHARED = "SHARED_{}_URL"
"""Variables that say where a server is that many runs of tests share."""


class Server:
    """`python -m tablestore_memory.localcloud NAME OPTIONS`, running."""

    def __init__(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.url = ""
        self.options = options
        self._env = os.environ | (env or {})
        self._child: Child | None = None
        # Nobody else's data, unless a folder is named.
        self._folder = tempfile.TemporaryDirectory(prefix=f"local-{name}-")

    @classmethod
    def start(cls, name: str, *options: str, env: Mapping[str, str] | None = None) -> Self:
        """Start it and wait until it serves. Raises CannotStart with its output."""
        server = cls(name, *options, env=env)
        server._launch(port=0)
        return server

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def output(self) -> str:
        """What it printed since it was started last."""
        return self._running.output

    def stop(self) -> int:
        """End it as a supervisor would, with SIGTERM; return its exit code."""
        return self._running.stop()

    def kill(self) -> None:
        """End it as a crash would, with SIGKILL; a Redis under it goes the same way."""
        self._running.kill()

    def restart(self) -> None:
        """Start it again on the same port, ended or not, with the same options."""
        if self._child is not None and self._child.running:
            self.stop()
        self._launch(port=self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None and self._child.running:
            self.stop()
        self._folder.cleanup()

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"local {self.name} was not started")
        return self._child

    def _launch(self, *, port: int) -> None:
        self._child = PythonChild(
            f"local {self.name}",
            ["tablestore_memory.localcloud", self.name, "--port", str(port), *self.options],
            ready="^ready ",
            environment=self._env,
            folder=Path(self._folder.name),
        )
        self.url = self._child.wait_ready().split()[1]


@contextmanager
def serving(name: str, *options: str) -> Iterator[str]:
    """The URL of a server for one run of tests; of one that many runs share, if the environment has it."""
    if url := os.environ.get(SHARED.format(name.upper())):
        yield url
        return
    with Server.start(name, *options) as server:
        yield server.url


def wait_until(condition: Callable[[], T | None], what: str, timeout_s: float = PATIENCE_S) -> T:
    """Ask until `condition` is true and return its value; else fail, saying what never happened."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what} (last seen: {value!r})")
        time.sleep(0.02)
    return value
