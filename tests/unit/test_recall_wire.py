"""Connections that recall keeps open to Tablestore, against servers that close, stall and cut short."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tablestore import OTSClientError

from tablestore_memory.recall.wire import Answer, Wire
from tests.tls import certificate_in, tls_in_front

HEAD = b"HTTP/1.1 200 OK\r\nX-Ots-RequestId: 7\r\n"
WELL = HEAD + b"Content-Length: 4\r\n\r\nrows"
CLOSE = b""


class Ending(bytes):
    """An answer after which the connection is closed."""


class Scripted:
    """Answers requests with what it is given, one by one, on as many connections as are opened."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connected:
                self._answer_all(connected)

    def _answer_all(self, connected: socket.socket) -> None:
        while request := connected.recv(65_536):
            self.requests.append(request)
            for answer in self._answers:
                if answer == CLOSE:
                    return
                connected.sendall(answer)
                if isinstance(answer, Ending):
                    return
                break


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[Scripted, Wire]]:
    server = Scripted(answers)
    wire = Wire(f"http://127.0.0.1:{server.port}", timeout_s=5)
    try:
        yield server, wire
    finally:
        wire.close()
        server.close()


def ask(wire: Wire, body: bytes = b"which") -> Answer:
    return wire.send_receive("/Search", {"x-ots-date": "today"}, body)


def test_request_is_sent_as_the_sdk_made_it() -> None:
    with answering(WELL) as (server, wire):
        answer = ask(wire)

    assert server.requests == [
        b"POST /Search HTTP/1.1\r\n"
        + f"Host: 127.0.0.1:{server.port}\r\n".encode()
        + b"Accept-Encoding: identity\r\nx-ots-date: today\r\nContent-Length: 5\r\n\r\nwhich"
    ]
    assert answer == (200, "OK", {"x-ots-requestid": "7", "content-length": "4"}, b"rows")


def test_connection_is_used_again() -> None:
    with answering(WELL, WELL, WELL) as (server, wire):
        for _ in range(3):
            ask(wire)

        assert (server.connections, len(server.requests)) == (1, 3)


def test_connection_that_the_server_closed_meanwhile_is_opened_anew() -> None:
    with answering(WELL, CLOSE, WELL) as (server, wire):
        ask(wire)

        assert ask(wire)[3] == b"rows"
        assert server.connections == 2


def test_connection_that_the_server_will_close_is_not_kept() -> None:
    last = HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n"

    with answering(last, CLOSE, WELL) as (_, wire):
        assert ask(wire)[3] == b""
        with pytest.raises(OTSClientError):  # a new one, on which nothing is asked twice
            ask(wire)


def test_answer_in_chunks_is_read_whole() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nrow\r\n1\r\ns\r\n0\r\n\r\n"

    with answering(chunked, WELL) as (server, wire):
        assert ask(wire)[3] == b"rows"
        assert ask(wire)[3] == b"rows"
        assert server.connections == 1


@pytest.mark.parametrize(
    "broken",
    [
        HEAD + b"Content-Length: 9\r\n\r\nrows",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nrows",
        HEAD,
        HEAD + b"\r\n",
        b"Good day.\r\n\r\n",
    ],
)
def test_answer_that_is_none_is_an_error_and_not_asked_for_again(broken: bytes) -> None:
    with answering(WELL, Ending(broken), WELL) as (server, wire):
        ask(wire)
        with pytest.raises(OTSClientError, match="no answer"):
            ask(wire)

        assert len(server.requests) == 2


def test_answer_that_does_not_come_in_time_is_an_error() -> None:
    with answering(HEAD) as (server, _), pytest.raises(OTSClientError, match="TimeoutError"):
        ask(Wire(f"http://127.0.0.1:{server.port}", timeout_s=0.2))


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(OTSClientError, match="ConnectionRefusedError"):
        ask(Wire("http://127.0.0.1:9", timeout_s=5))


def test_tls_is_spoken_and_the_certificate_checked(tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path)

    with answering(WELL, WELL) as (server, _), tls_in_front(certificate, server.port) as port:
        trusting = Wire(f"https://127.0.0.1:{port}", 5, cafile=str(certificate))
        assert ask(trusting)[3] == ask(trusting)[3] == b"rows"
        assert server.connections == 1
        with pytest.raises(OTSClientError, match="SSLCertVerificationError"):
            ask(Wire(f"https://127.0.0.1:{port}", 5))
