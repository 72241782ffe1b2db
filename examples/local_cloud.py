"""Everything on this machine: Redis, the stand-ins for Tablestore and DashScope, and the workers.

    with local_cloud(Path(".local/demo")) as environment: …

Runs the two Procfiles with honcho on free ports, makes the tables, and ends it all again. What is stored
stays in the folder, so the next run finds it. The logs lie beside it. As a program (`make up`) it takes
the ports of .env.example, keeps running until Ctrl-C, and writes that file to .env for other terminals.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_READY_S = 60
_END_S = 20


FIXED_PORTS = {"REDIS": 6399, "TABLESTORE": 8087, "DASHSCOPE": 8088}


@contextmanager
def local_cloud(data: Path, ports: dict[str, int] | None = None) -> Iterator[dict[str, str]]:
    """The environment in which `memory-worker` and the examples find the local services."""
    data.mkdir(parents=True, exist_ok=True)
    ports = ports or dict(zip(FIXED_PORTS, _free_ports(len(FIXED_PORTS)), strict=True))
    environment = _environment(data, ports)
    with ExitStack() as stack:
        stack.enter_context(_honcho("Procfile.local", environment, data / "servers.log"))
        for name, port in ports.items():
            _wait_for(name.lower(), port, data / "servers.log")
        subprocess.run([BIN / "memory-worker", "init"], env=environment, cwd=ROOT, check=True)
        stack.enter_context(_honcho("Procfile", environment, data / "workers.log"))
        yield environment


def _environment(data: Path, ports: dict[str, int]) -> dict[str, str]:
    settings = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    return {
        **os.environ,
        **settings,
        **{f"LOCAL_{name}_PORT": str(port) for name, port in ports.items()},
        "LOCAL_DATA": str(data),
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "REDIS_URL": f"redis://127.0.0.1:{ports['REDIS']}/0",
        "TABLESTORE_ENDPOINT": f"http://127.0.0.1:{ports['TABLESTORE']}",
        "DASHSCOPE_HTTP_BASE_URL": f"http://127.0.0.1:{ports['DASHSCOPE']}/api/v1",
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _honcho(procfile: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    command = [BIN / "honcho", "--no-colour", "-f", procfile, "-e", "/dev/null", "start"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on, once
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)


def _wait_for(name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"the local {name} did not start; its log is {log}")


def main() -> int:
    """Keep everything running until Ctrl-C."""
    end_on_signals()
    if not (ROOT / ".env").exists():
        shutil.copy(ROOT / ".env.example", ROOT / ".env")
    with local_cloud(ROOT / ".local", FIXED_PORTS):
        print("running; Ctrl-C ends it. In another terminal: .venv/bin/memory-worker status")
        signal.pause()
    return 0


def end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM unwind the program, so that what it started ends with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))


if __name__ == "__main__":
    sys.exit(main())
