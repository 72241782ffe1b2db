"""`memory-worker metrics`: serve what Prometheus reads, until told to end."""

import signal
import threading
from typing import Annotated

import typer
from prometheus_client import start_http_server

from tablestore_memory.worker.cli.opened import redis_alone
from tablestore_memory.worker.cli.output import WRONG, fail, say
from tablestore_memory.worker.operations.exposition import Exposition


def metrics(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 9464,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve /metrics for Prometheus: how the work stands, and what all workers counted."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with redis_alone() as services:
        exposition = Exposition(services.redis, services.keys)
        try:
            server, thread = start_http_server(port, host, exposition.registry)
        except OSError as error:
            fail(WRONG, f"cannot listen on {host}:{port}: {error.strerror}")
        say(f"ready http://{host}:{server.server_port}/metrics")
        told.wait()
        server.shutdown()
        thread.join()
