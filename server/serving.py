"""A server from its start to its end: listen, say where, finish what is in flight, deliver what was published."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import anyio
import uvicorn

from tablestore_memory.server.access import Access, Tokens
from tablestore_memory.server.app import memory_app
from tablestore_memory.server.connections import Connections
from tablestore_memory.server.mcp.transports import serve_streams
from tablestore_memory.server.page.door import Door
from tablestore_memory.server.page.pulse import Pulse
from tablestore_memory.server.page.room import routes
from tablestore_memory.server.settings import ServerSettings, made_up_token
from tablestore_memory.worker.tracing.provider import traces_sent

Say = Callable[[str], None]
_END_S = 10.0
"""For what is in flight when the server is told to end; what takes longer is broken off."""


def _quiet() -> None:
    """What these say of a request may be in its own words; what went wrong is said by us."""
    for name in ("mcp", "sse_starlette"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def serve(settings: ServerSettings, host: str, port: int, say: Say) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C. Raises OSError where it cannot listen."""
    _quiet()
    tokens = settings.tokens
    with (
        traces_sent(os.environ),
        listening(host, port) as listener,
        closing(Connections.opened(settings)) as connections,
    ):
        if not tokens:
            tokens = [made_up_token()]
            say(f"token for all users, good until this server ends: {tokens[0].token}")
        access = Tokens(tokens, settings.tenant)
        door = Door(access, link_s=settings.page_link_s, login_s=settings.page_login_s)
        pulse = Pulse(connections.redis, connections.services.keys)
        app = memory_app(connections, access, list(routes(connections, door, pulse)))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(_END_S),
        )

        def ready() -> None:
            # The collector needs not look again and again through what stays: it holds up all that is under way,
            # for 100 ms (docs/decisions/recall.md).
            gc.collect()
            gc.freeze()
            port = listener.getsockname()[1]
            say(f"page http://{_own(host)}:{port}/login?key={door.new_key()}")
            say(f"ready http://{_shown(host)}:{port}")

        with pulse:
            _Server(config, ready).run([listener])


def serve_mcp(settings: ServerSettings, user_id: str | None) -> None:
    """Serve the tools on the standard streams until the client closes them."""
    _quiet()
    with traces_sent(os.environ), closing(Connections.opened(settings)) as connections:
        anyio.run(serve_streams, connections, Access("stdio", user_id))


class _Server(uvicorn.Server):
    """Says when it is ready, and ends with exit code 0 when it is told to end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises them again at the end, which nobody would survive."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # asyncio does this for sockets that it makes itself. Without it an answer's body waits 40 ms, until the other
    # side has acknowledged its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own(host: str) -> str:
    """By which name a browser on this machine reaches it."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else _shown(host)  # noqa: S104 - nothing is bound
