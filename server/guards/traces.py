"""A request is answered in the trace that it names: its events carry it on, its recall is told in it."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.worker.tracing.spans import within


class InTrace:
    """By the header `traceparent`, of W3C Trace Context."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = Headers(scope=scope).get("traceparent") if scope["type"] == "http" else None
        with within(named):
            await self._app(scope, receive, send)
