"""`memory-worker serve`, running, and clients of it as other programs are: over HTTP, by a token."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from devtools.child import Child
from devtools.commands import CommandChild

COMMAND = str(Path(sys.executable).with_name("memory-worker"))
ALL = "token-for-all-users"


def token_of(user: str) -> str:
    return f"token-of-{user}"


@contextmanager
def memory_server(
    environment: Mapping[str, str], journals: Path, *users: str, **settings: str
) -> Iterator[Child]:
    """With a token for all users, and one for each of these."""
    tokens = [{"name": "all", "token": ALL}]
    tokens += [{"name": f"of-{user}", "token": token_of(user), "user_id": user} for user in users]
    server = CommandChild(
        "server",
        ["serve", "--port", "0"],
        ready="^ready ",
        environment={
            **os.environ,
            **environment,
            "XDG_STATE_HOME": str(journals),
            "MEMORY_SERVER_TOKENS": json.dumps(tokens),
            **settings,
        },
    )
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


def url_of(server: Child) -> str:
    return server.wait_ready().split()[1]


def client(server: Child, token: str | None) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.Client(base_url=url_of(server), headers=headers, timeout=30)


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """The problem that an answer tells, in the form it must have."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told.keys() >= {"type", "title", "detail"}
    return told
