"""So many requests at once, and no more: one too many is told so at once, and those inside keep their time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.server.problems import Unavailable

# Those who look whether the server lives are let in: a full one is no dead one.
_ALWAYS = ("/health",)
# Whose body is read before anybody knows who sends it: strangers who send slowly take no place from others.
_STRANGERS = ("/login",)


class Places:
    """At most so many at once, for each name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, name: str, refusal: str) -> Iterator[None]:
        """Raises Unavailable if there is none left."""
        if self._taken[name] >= self._most:
            raise Unavailable(refusal)
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1


class Crowd:
    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._places = Places(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        room = scope["path"] if scope["path"] in _STRANGERS else ""
        with self._places.one(room, "too many requests at once"):
            await self._app(scope, receive, send)
