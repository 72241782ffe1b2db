"""`memory-worker health`, for probes: it asks Redis and nothing else, and may be run every few seconds."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.dispatch.heartbeat import Worker, alive
from tablestore_memory.worker.operations.deadline import DeadlineExceeded, deadline
from tablestore_memory.worker.settings import RedisSettings, SettingsError
from tablestore_memory.worker.state.connection import connect_redis

UNHEALTHY = 1  # a probe's word for it, whatever the reason
_ANSWERS_WITHIN_S = 2.0


def health(
    worker: Annotated[
        str,
        typer.Option(help="One that lives must have this name, or run on this host; %h is here."),
    ] = "",
    queue: Annotated[str, typer.Option(help="One that lives must consume this queue.")] = "",
) -> None:
    """Tell whether Redis answers and, if asked, a worker reported lately; exit code 0 or 1."""
    host = worker.replace("%h", socket.gethostname())
    with _or_unhealthy(), deadline(_ANSWERS_WITHIN_S):
        settings = RedisSettings.from_env(os.environ)
        lives = alive(connect_redis(settings.redis_url), Streams(settings.prefix))
    found = [each.name for each in lives if _is_meant(each, host, queue)]
    if (worker or queue) and not found:
        _end(f"no worker{host and f' {host}'}{queue and f' on queue {queue}'} reported lately")
    print(f"healthy: {', '.join(found) or 'Redis answers'}")


def _is_meant(worker: Worker, host: str, queue: str) -> bool:
    """A worker's name is its host's and a number."""
    here = not host or worker.name == host or worker.name.rpartition(":")[0] == host
    return here and (not queue or queue in worker.queues)


@contextmanager
def _or_unhealthy() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        _end(f"wrong settings: {'; '.join(error.problems)}")
    except DeadlineExceeded:
        _end(f"Redis does not answer within {_ANSWERS_WITHIN_S:g} s")
    except (*REDIS_ERRORS, OSError) as error:
        _end(f"Redis does not answer: {error}")
    except ValueError:  # its text may quote a part of the URL
        _end("REDIS_URL is not usable")


def _end(why: str) -> NoReturn:
    print(f"unhealthy: {' '.join(why.split())}", file=sys.stderr)
    raise typer.Exit(UNHEALTHY)
