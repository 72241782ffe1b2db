"""The page of a server, as a browser has it: who came in keeps a cookie, and a form names where it comes from."""

import re

import httpx2

from devtools.child import Child
from tests.memory_server import client


def link_of(server: Child) -> str:
    """The login link that it printed."""
    (link,) = re.findall(r"^page (\S+)$", server.output, re.MULTILINE)
    return str(link)


def visitor(server: Child) -> httpx2.Client:
    """Somebody who opened the link; it is good for one such."""
    http = client(server, None)
    http.headers["Origin"] = str(http.base_url).rstrip("/")
    answer = http.get(link_of(server))
    assert answer.status_code == 200, answer.text
    return http
