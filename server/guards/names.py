"""Under which names the server may be asked, and from which pages.

A page that binds its own name to our address (DNS rebinding) comes with its own Host; one that has a browser send
a request to us comes with its Origin. Programs send no Origin.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tablestore_memory.server.problems import Forbidden, WrongHost


class Names:
    """`hosts` with a port are good for that port alone."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = headers.get("host", "").lower()
            if len(headers.getlist("host")) != 1 or not self._is_ours(host):
                raise WrongHost("not a name of this server, see MEMORY_SERVER_HOSTS", "Host")
            for origin in headers.getlist("origin"):
                if not self._is_welcome(origin.lower(), host):
                    raise Forbidden(
                        "not a page of this server, see MEMORY_SERVER_ORIGINS", "Origin"
                    )
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        return host in self._hosts or (port.isdecimal() and name in self._hosts)

    def _is_welcome(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin.partition("://")[2] == host
