"""So many requests at once, and no more: one too many is told so at once, and those inside keep their time."""

from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.server.problems import Unavailable

# Those who look whether the server lives are let in: a full one is no dead one.
_ALWAYS = ("/health",)


class Crowd:
    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            raise Unavailable("too many requests at once")
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
