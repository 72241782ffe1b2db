"""One user's token has a share of the places for requests: nobody takes them all, by sending or reading slowly.

Not a guard: it knows tokens. Who brings none, or one of all users, which stands for many, has no share to keep to.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.server.access import Tokens
from tablestore_memory.server.guards.crowd import Places
from tablestore_memory.server.problems import Unauthorized

_SHARE = 4
"""A fourth of the places: more than one user's agents ask at once."""


class Shares:
    def __init__(self, app: ASGIApp, *, tokens: Tokens, places: int) -> None:
        self._app = app
        self._tokens = tokens
        self._places = Places(max(1, places // _SHARE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self._name(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        with self._places.one(name, "too many requests at once with this token"):
            await self._app(scope, receive, send)

    def _name(self, scope: Scope) -> str | None:
        """Of the token, if it is one user's."""
        try:
            access = self._tokens.access(Headers(scope=scope).get("authorization"))
        except Unauthorized:  # told where it matters: not all paths ask for one
            return None
        return None if access.user_id is None else access.name
