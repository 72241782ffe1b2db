"""Everything on this machine: Redis, the stand-ins for Tablestore and DashScope, the workers, a memory server.

    with Stack(Path(".local/demo")) as stack:
        subprocess.run(command, env=stack.environment)

The tables are made, and the workers are those of the Procfile. What is stored stays in the folder, so that
the next stack on it finds it; the logs lie beside it. One folder has one stack at a time.
"""

import fcntl
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from devtools.child import CannotStart, Child
from devtools.ports import taken
from tablestore_memory.localcloud.lifetime import killed_with_parent

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SERVERS = ("redis", "tablestore", "dashscope")
PORTS = (*SERVERS, "server")
_LOOK_EVERY_S = 0.2
_END_S = 10.0  # workers take up to 8 s


class Stack:
    """`environment` is where `memory-worker` and the examples find the services; a port of 0 is any. `page_link`
    lets one browser in, for some minutes."""

    def __init__(self, data: Path, ports: Mapping[str, int] | None = None) -> None:
        self.data = data
        self.environment: dict[str, str] = {}
        self.server_url = ""
        self.page_link = ""
        self._ports = ports or dict.fromkeys(PORTS, 0)
        self._servers: list[Child] = []
        self._workers: list[Child] = []

    def __enter__(self) -> Self:
        """Start all of it and wait until it is ready. Raises CannotStart."""
        self._lock()
        if names := [f"{port} ({name})" for name, port in self._ports.items() if taken(port)]:
            raise CannotStart(f"in use by another program: port {', '.join(names)}")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for group in (self._workers, self._servers):
            for child in group:
                child.process.terminate()
            for child in group:
                child.stop(_END_S)

    @property
    def ended(self) -> Child | None:
        """A part that ended though nobody asked it to."""
        return next((each for each in self._servers + self._workers if not each.running), None)

    def wait(self) -> Child:
        """Until a part ends though nobody asked it to; which."""
        while not (child := self.ended):
            time.sleep(_LOOK_EVERY_S)
        return child

    def _lock(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self._held = (self.data / "stack.lock").open("a")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"{self.data} is in use: what works there runs already") from None

    def _start(self) -> None:
        options = {
            "redis": ("--dir", str(self.data / "redis")),
            "tablestore": (
                *("--data", str(self.data / "tablestore.db")),
                *("--index-lag", os.environ.get("LOCAL_INDEX_LAG", "1-3")),
            ),
            "dashscope": ("--embeddings", "real"),
        }
        for name in SERVERS:
            self._servers.append(self._server(name, *options[name]))
        self.environment = _environment(*(s.wait_ready().split()[1] for s in self._servers))
        self.environment["PORT"] = str(self._ports["server"])
        self.environment.setdefault("MEMORY_SERVER_TOKEN", secrets.token_urlsafe(32))
        init = [str(BIN / "memory-worker"), "init"]
        if subprocess.run(init, env=self.environment, stdout=subprocess.DEVNULL).returncode:
            raise CannotStart("the tables cannot be made")
        for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines():
            self._workers.append(self._worker(*line.split(": ", 1)))
        lines = [worker.wait_ready() for worker in self._workers]
        (self.server_url,) = (line.split()[1] for line in lines if line.startswith("ready "))
        printed = [line for worker in self._workers for line in worker.output.splitlines()]
        (self.page_link,) = (line.split()[1] for line in printed if line.startswith("page "))

    def _server(self, name: str, *options: str) -> Child:
        return Child(
            name,
            [
                *(sys.executable, "-m", "tablestore_memory.localcloud", name),
                *("--port", str(self._ports[name]), *options),
            ],
            ready="^ready ",
            log=self.data / f"{name}.log",
        )

    def _worker(self, name: str, command: str) -> Child:
        return Child(
            name,
            ["/bin/sh", "-c", command],
            ready=r" ready\.|^ready ",
            environment=self.environment,
            log=self.data / f"{name}.log",
            # Its Redis ends in the same moment: there is nothing left to do in order.
            end_with_parent=killed_with_parent,
        )


def _environment(redis_url: str, tablestore_url: str, dashscope_url: str) -> dict[str, str]:
    """Ours, with .env.example's settings and these addresses."""
    settings = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    return {
        **os.environ,
        **settings,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "REDIS_URL": redis_url,
        "TABLESTORE_ENDPOINT": tablestore_url,
        "DASHSCOPE_HTTP_BASE_URL": dashscope_url,
    }
