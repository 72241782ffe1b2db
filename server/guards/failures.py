"""Whatever goes wrong is told as a problem, and what nobody expected is logged by its place, not its words."""

import traceback

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.server.problems import (
    Failed,
    Malformed,
    NotFound,
    Problem,
    Unavailable,
)
from tablestore_memory.worker.failures.errors import InvalidRow, WorkerError

log = structlog.get_logger()


def problem_of(error: Exception) -> Problem:
    """How it is told. What is not expected is logged."""
    match error:
        case Problem():
            return error
        case HTTPException(status_code=404):
            return NotFound("there is no such path")
        case ClientDisconnect():
            return Malformed("broken off before its end", "body")
        case InvalidRow():
            return Malformed("holds an id that Tablestore cannot hold")
        case WorkerError():
            return Unavailable(f"Tablestore does not do its work: {type(error).__name__}")
        case _ if isinstance(error, REDIS_ERRORS):
            return Unavailable("Redis does not do its work")
    frames = traceback.extract_tb(error.__traceback__)
    place = [f for f in frames if "tablestore_memory" in f.filename or f is frames[0]][-1]
    log.error("server.failed", error=type(error).__name__, at=f"{place.filename}:{place.lineno}")
    return Failed(f"a mistake of the server's: {type(error).__name__}")


class Failures:
    """The outermost of all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - nothing of it may reach a client or a log in its own words
            problem = problem_of(error)
            if begun:  # a broken stream is all that can be told
                raise _Broken from None
            await problem.response()(scope, receive, send)


class _Broken(Exception):
    """An answer ended before its end."""
