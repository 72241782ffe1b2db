"""Tablestore's HTTP over connections that are kept open, in the place of the SDK's own, for who only reads.

A recall makes a dozen small requests. Of the time that one takes of the caller's processor, urllib3 took most, and
it sends a request in two parts, which wakes the server twice (docs/decisions/recall.md has what was measured). A
connection that the server has closed meanwhile shows when it is used: what is only read may be asked again.
"""

import socket
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

import certifi
from tablestore import OTSClientError

Answer = tuple[int, str, dict[str, str], bytes]
"""Status, reason, headers and body, as the SDK wants them."""

_BUFFER_BYTES = 64 * 1024  # an answer as a whole, mostly
_LONGEST_LINE = 64 * 1024


class Wire:
    """The connections to one endpoint, as many as there are requests at once; for all threads."""

    def __init__(self, endpoint: str, timeout_s: float, cafile: str | None = None) -> None:
        """Connects to nothing yet. `cafile` holds the authorities to trust, else certifi's are."""
        parts = urlsplit(endpoint)
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context(cafile=cafile or certifi.where())
        self._address = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._timeout_s = timeout_s
        self._path = parts.path
        self._host = f"Host: {parts.netloc}\r\nAccept-Encoding: identity\r\n"
        self._kept: deque[_Connection] = deque()

    def send_receive(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the SDK asks of its connection. Raises OTSClientError if there is no answer in time."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        start = f"POST {self._path}{url} HTTP/1.1\r\n{self._host}{lines}"
        head = f"{start}Content-Length: {len(body)}\r\n\r\n"
        try:
            return self._answered(head.encode() + body)
        except (OSError, ValueError) as error:
            raise OTSClientError(f"no answer: {type(error).__name__}") from error

    def close(self) -> None:
        """End those that are not in use."""
        while kept := self._taken():
            kept.close()

    def _answered(self, request: bytes) -> Answer:
        while kept := self._taken():
            with suppress(_Gone):
                return self._asked(kept, request)
        opened = _Connection.open(self._address, self._timeout_s, self._tls)
        return self._asked(opened, request)

    def _taken(self) -> "_Connection | None":
        """The one that was used last, if any is free."""
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _asked(self, connection: "_Connection", request: bytes) -> Answer:
        """Keeps the connection unless something went wrong, or the server will close it."""
        try:
            answer = connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if answer[2].get("connection", "").lower() == "close":
            connection.close()
        else:
            self._kept.append(connection)
        return answer


class _Gone(ConnectionError):
    """The server has closed it, and not begun to answer."""


class _Connection:
    """One of them, for one request at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._answers = connected.makefile("rb", _BUFFER_BYTES)

    @classmethod
    def open(cls, address: tuple[str, int], timeout_s: float, tls: ssl.SSLContext | None) -> Self:
        """Raises OSError."""
        connected = socket.create_connection(address, timeout_s)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(tls.wrap_socket(connected, server_hostname=address[0]) if tls else connected)

    def close(self) -> None:
        with suppress(OSError):
            self._answers.close()
            self._socket.close()

    def ask(self, request: bytes) -> Answer:
        """Raises _Gone before an answer, OSError or ValueError in it."""
        status, reason = self._begun(request)
        headers = self._headers()
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return status, reason, headers, b"".join(iter(self._chunk, b""))
        return status, reason, headers, self._exactly(int(headers.get("content-length", "")))

    def _begun(self, request: bytes) -> tuple[int, str]:
        try:
            self._socket.sendall(request)
            line = self._line()
        except TimeoutError:
            raise
        except OSError as error:
            raise _Gone from error
        _, status, reason = f"{line}  ".split(" ", 2)
        return int(status), reason.strip()

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _chunk(self) -> bytes:
        """Empty after the last one."""
        size = int(self._line().partition(";")[0], 16)
        data = self._exactly(size)
        self._line()
        return data

    def _line(self) -> str:
        line = self._answers.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ConnectionError("closed in a line")
        return line.decode("latin-1").rstrip("\r\n")

    def _exactly(self, size: int) -> bytes:
        data: bytes = self._answers.read(size)
        if len(data) < size:
            raise ConnectionError("closed in an answer")
        return data
