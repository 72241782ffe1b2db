"""A client of Tablestore that tells how long each request took, and which failed: all requests pass here."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from tablestore import OTSServiceError

log = structlog.get_logger()


class TimedClient:
    """The SDK's client in all it has; its methods are its requests."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name.startswith("_") or not callable(found):
            return found
        timed = _timed(name, found)
        setattr(self, name, timed)  # found here from now on
        return timed


def _timed(operation: str, request: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(request)
    def timed(*args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return request(*args, **options)
        except Exception as error:
            kind = error.code if isinstance(error, OTSServiceError) else type(error).__name__
            log.debug("store.failed", operation=operation, error=kind)
            raise
        finally:
            duration_ms = round((time.monotonic() - started) * 1000, 1)
            log.debug("store.called", operation=operation, duration_ms=duration_ms)

    return timed
