"""Extraction in processes that die at a chosen step: `python -m tests.failures.extraction_worker`.

Reads a number a line. For each it forks a child that extracts everything that waits, and kills itself
with SIGKILL at its n-th message to any server, before or after sending it; 0 lets it end. Answers
`killed` or `ended`. The parent imports everything once and connects to nobody, so a child costs little.
Settings come from the environment.
"""

import os
import random
import signal
import socket
import sys
import time
from typing import Any

import dashscope  # noqa: F401 - two seconds that every child would need
from tablestore import OTSClient  # noqa: F401

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.sessions.due import session_of
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.state.lease import Leases
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS
from tablestore_memory.worker.telemetry import configure_logging

# What a dead child held is free after this; six seconds each time would make for a long test.
LEASE_TTL_MS = 500


def waiting(services: Services) -> list[tuple[str, str]]:
    keys = [services.streams.key(p, "due") for p in range(STATE_PARTITIONS)]
    with services.redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.zrange(key, 0, -1)
        return sorted(session_of(name) for names in pipe.execute() for name in names)


def die_at(step: int, rng: random.Random) -> None:
    """SIGKILL at the n-th message this process sends."""
    send, left, after = socket.socket.sendall, [step], rng.random() < 0.5

    def counted(self: Any, *arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        send(self, *arguments)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    socket.socket.sendall = counted  # type: ignore[method-assign]


def child(step: int, seed: int) -> None:
    settings = Settings.from_env(os.environ)
    services = Services(settings, leases=Leases(Services(settings).redis, LEASE_TTL_MS))
    if step:
        die_at(step, random.Random(seed))
    while sessions := waiting(services):
        for user, session in sessions:
            services.attempt.run(user, session)
        time.sleep(0.02)  # a lease of a dead one may still run


def main() -> None:
    configure_logging("ERROR", "json")
    for number, line in enumerate(sys.stdin):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                child(int(line), number)
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(pid, 0)
        words = "killed" if os.WIFSIGNALED(ended) else "ended"
        print(words if os.WIFSIGNALED(ended) or ended == 0 else "failed", flush=True)


if __name__ == "__main__":
    main()
