"""`memory-worker serve` and `memory-worker mcp`: the server, which the extra `server` brings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tablestore_memory.worker.cli.opened import settings_of
from tablestore_memory.worker.cli.output import WRONG, fail, say
from tablestore_memory.worker.metrics.reporter import Reporter
from tablestore_memory.worker.state.connection import connect_redis
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.telemetry import configure_logging

if TYPE_CHECKING:
    from tablestore_memory.server.settings import ServerSettings

_REPORT_S = 2.0  # the last report of a process that ends waits no longer for Redis


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8089,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve memory over HTTP and MCP, and /metrics for Prometheus, until told to end."""
    with _settings() as settings:
        from tablestore_memory.server import serving

        try:
            serving.serve(settings, host, port, say)
        except OSError as error:
            fail(WRONG, f"cannot listen on {host}:{port}: {error.strerror}")


def mcp(
    user: Annotated[str | None, typer.Option(help="Whose memories; else each call says.")] = None,
) -> None:
    """Serve the MCP tools on the standard streams, for a client that starts this command."""
    with _settings() as settings:
        from tablestore_memory.server import serving

        serving.serve_mcp(settings, user)


@contextmanager
def _settings() -> Iterator["ServerSettings"]:
    """Those of the environment. Ends the command where they are wrong, or the extra is missing."""
    try:
        from tablestore_memory.server.settings import ServerSettings

        settings = settings_of(ServerSettings)
        with _counting(settings):
            yield settings
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tablestore_memory"):
            raise
        fail(
            WRONG, f"{error.name} is not installed; pip install 'tablestore-memory-worker[server]'"
        )


@contextmanager
def _counting(settings: "ServerSettings") -> Iterator[None]:
    """Logs as they are wanted, counted as a worker's are (docs/metrics.md)."""
    connect = partial(
        connect_redis, settings.redis_url, socket_timeout_s=_REPORT_S, connect_timeout_s=_REPORT_S
    )
    reporter = Reporter(connect, Keys(state_streams(settings.prefix)))
    count = reporter if settings.metrics else None
    configure_logging(settings.log_level, settings.log_format, count=count)
    try:
        yield
    finally:
        reporter.end()
