"""The page of a server, as a browser has it: who came in keeps a cookie, and a form names where it comes from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from devtools.child import Child
from tests.memory_server import client


def link_of(server: Child) -> str:
    """The login link that it printed."""
    (link,) = re.findall(r"^page (\S+)$", server.output, re.MULTILINE)
    return str(link)


@contextmanager
def browser(server: Child) -> Iterator[httpx2.Client]:
    """Of somebody who is not in."""
    with client(server, None) as http:
        http.headers["Origin"] = str(http.base_url).rstrip("/")
        yield http


@contextmanager
def visitor(server: Child, token: str | None = None) -> Iterator[httpx2.Client]:
    """Of somebody who came in by a token, or else by the link, which is good for one such."""
    with browser(server) as http:
        answer = http.post("/login", data={"token": token}) if token else http.get(link_of(server))
        assert answer.status_code == 200, answer.text
        yield http
