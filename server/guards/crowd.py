"""So many requests at once, and no more: one too many is told so at once, and those inside keep their time."""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.server.problems import Unavailable

# Those who look whether the server lives are let in: a full one is no dead one.
_ALWAYS = ("/health",)
# Whose body is read before anybody knows who sends it: strangers who send slowly take no place from others.
_STRANGERS = ("/login",)


class Crowd:
    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._inside: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        room = scope["path"] if scope["path"] in _STRANGERS else ""
        if self._inside[room] >= self._most:
            raise Unavailable("too many requests at once")
        self._inside[room] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside[room] -= 1
