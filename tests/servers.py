"""Local servers as processes of a test, and waiting for what they do.

    with Server.start("tablestore", "--data", ":memory:") as server:
        client = OTSClient(server.url, …)

A server takes a free port, keeps it over `restart`, and ends with the test that started it, also
when the test fails or the test run is killed.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self, TypeVar
from urllib.parse import urlsplit

from tablestore_memory.localcloud.lifetime import terminated_with_parent

T = TypeVar("T")

READY_TIMEOUT_S = 60
END_TIMEOUT_S = 20
OUTPUT_LINES = 200


class Server:
    """`python -m tablestore_memory.localcloud NAME OPTIONS`, running."""

    def __init__(self, name: str, *options: str, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.url = ""
        self.options = options
        self._env = os.environ | (env or {})
        self._output: deque[str] = deque(maxlen=OUTPUT_LINES)
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    def start(cls, name: str, *options: str, env: dict[str, str] | None = None) -> Self:
        """Start it and wait for its ready line. Raises AssertionError with its output."""
        server = cls(name, *options, env=env)
        server._launch(port=0)
        return server

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def output(self) -> str:
        """The last lines of its stdout and stderr."""
        return "".join(self._output)

    def stop(self) -> int:
        """End it as a supervisor would, with SIGTERM; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a crash would, with SIGKILL; a Redis under it goes the same way."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port, ended or not, with the same options."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._launch(port=self.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def _launch(self, *, port: int) -> None:
        self._output.clear()
        # Started from the main thread only: the kernel ends it together with that thread.
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tablestore_memory.localcloud",
                self.name,
                "--port",
                str(port),
                *self.options,
            ],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=terminated_with_parent,
        )
        urls: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(self._process, urls), daemon=True).start()
        self.url = self._ready_url(urls)

    def _ready_url(self, urls: "queue.Queue[str]") -> str:
        with contextlib.suppress(queue.Empty):
            if url := urls.get(timeout=READY_TIMEOUT_S):
                return url
        self.kill()
        raise AssertionError(f"local {self.name} did not get ready:\n{self.output}")

    def _read(self, process: "subprocess.Popen[str]", urls: "queue.Queue[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._output.append(line)
            if line.startswith("ready "):
                urls.put(line.split()[1])
        urls.put("")  # it ended: nothing more to wait for


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 20) -> T:
    """Ask until `condition` is true and return its value; else fail, saying what never happened."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what} (last seen: {value!r})")
        time.sleep(0.02)
    return value
