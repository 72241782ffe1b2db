"""One HTTP session for all threads of a process.

The SDK's own keeps ten connections: a process with a hundred calls under way would open one anew for most of them.
"""

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_MOST_KEPT = 512  # connections; more than any pool has threads
# A connection that a gateway dropped without a word is found after about 2.5 minutes of silence, so a call
# fails at once instead of waiting for its whole timeout.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 3}


def http_session() -> requests.Session:
    """To be made after a fork: two processes on one connection get each other's answers."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=_MOST_KEPT))
    return session


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, socket_options=_socket_options(), **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, socket_options=_socket_options(), **options)


def _socket_options() -> list[tuple[int, int, int]]:
    """Options that are given replace urllib3's, which is TCP_NODELAY. Not every system has all timers."""
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    timers = {getattr(socket, name, None): value for name, value in _KEEPALIVE.items()}
    return options + [(socket.IPPROTO_TCP, timer, s) for timer, s in timers.items() if timer]
