"""A worker that stops itself in the middle: `python -m tests.failures.stopped_worker MODULE NAME COUNT WORK…`.

Before the COUNT-th call of NAME in MODULE ("Class.method" for a method) it sends itself SIGSTOP, as a machine
that hangs would; when somebody lets it go on, it goes on. The work is `extract USER SESSION`, `drain PARTITION`
or `requests PARTITION`. Settings come from the environment.
"""

import importlib
import os
import signal
import sys
from functools import reduce
from typing import Any

from tablestore_memory.worker.failures.errors import Retryable
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.state.lease import Leases

# So that it need not stand still for six seconds before its leases are free.
LEASE_TTL_MS = 3_000


def stop_at(module: str, name: str, count: int) -> None:
    """SIGSTOP before the n-th call."""
    *path, last = name.split(".")
    owner = reduce(getattr, path, importlib.import_module(module))
    call, calls = getattr(owner, last), iter(range(1, 1_000_000))

    def stopping(*arguments: Any, **options: Any) -> Any:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGSTOP)
        return call(*arguments, **options)

    setattr(owner, last, stopping)


def main(module: str, name: str, count: str, work: str, *about: str) -> None:
    settings = Settings.from_env(os.environ)
    services = Services(settings, leases=Leases(Services(settings).redis, LEASE_TTL_MS))
    stop_at(module, name, int(count))
    try:
        if work == "extract":
            services.attempt.run(*about)
        elif work == "drain":
            services.ingest.drain(int(about[0]))
        else:
            services.requests.process(int(about[0]))
    except Retryable as error:
        print(f"later: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
