"""How the server listens."""

import socket

from tablestore_memory.server.serving import listening


def test_answers_are_not_held_back_until_others_are_acknowledged() -> None:
    with listening("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()

        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
