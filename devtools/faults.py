"""The faults of a stand-in that was started with `--faults`, for tests and bench (docs/local-faults.md)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin
from urllib.request import Request, urlopen


class Faults:
    """What is set at the stand-in of this URL."""

    def __init__(self, url: str) -> None:
        self._url = urljoin(url, "/_faults")

    def add(self, kind: str, **fields: Any) -> None:
        """Set one more. Raises HTTPError, of code 400 for what is no fault."""
        self._send("POST", {"kind": kind, **fields})

    def listed(self) -> list[dict[str, Any]]:
        """Each as it was set, and how often it has happened."""
        listed: list[dict[str, Any]] = self._send("GET")
        return listed

    def happened(self) -> int:
        """How often any of them struck."""
        return sum(fault["happened"] for fault in self.listed())

    def clear(self) -> None:
        self._send("DELETE")

    @contextmanager
    def during(self, kind: str, **fields: Any) -> Iterator[None]:
        """The fault until the end of the block, and none after it."""
        self.add(kind, **fields)
        try:
            yield
        finally:
            self.clear()

    def _send(self, method: str, fault: dict[str, Any] | None = None) -> Any:
        body = json.dumps(fault).encode() if fault else None
        with urlopen(Request(self._url, body, method=method)) as answer:
            return json.load(answer)
