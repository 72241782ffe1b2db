"""Whatever a token asks for, and however: it is told nothing of anybody else, and changes nothing of theirs.

There are so few ways to ask that all of them are tried; server, workers and stores are real.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from tests.memory_server import ALL, client, memory_server, token_of

ANA, EVE = f"ana-{uuid.uuid4().hex[:8]}", f"eve-{uuid.uuid4().hex[:8]}"
SESSION, SECRET = "shared-session", "beekeeper"
UNKNOWN = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Ids:
    """Of a memory of each, with what Ana has as the token of all users exports it."""

    ana: str
    eve: str
    export: str


@pytest.fixture(scope="module")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("journal")
    with memory_server(deployment.environment, folder, ANA, EVE) as server:
        yield server


@pytest.fixture(scope="module")
def everybody(server: Child) -> Iterator[httpx2.Client]:
    with client(server, ALL) as http:
        yield http


@pytest.fixture(scope="module")
def eve(server: Child) -> Iterator[httpx2.Client]:
    with client(server, token_of(EVE)) as http:
        yield http


@pytest.fixture(scope="module")
def stranger(server: Child) -> Iterator[httpx2.Client]:
    with client(server, "token-of-nobody-at-all") as http:
        yield http


@pytest.fixture(scope="module")
def ids(deployment: Deployment, everybody: httpx2.Client) -> Ids:
    """Ana said and keeps something that nobody else may know; Eve talks in a session of the same name."""
    for user, what in ((ANA, SECRET), (EVE, "gardener")):
        text = f"I am a {what}."
        drafts: list[dict[str, Any]] = [
            {
                "type": "message",
                "session_id": SESSION,
                "message_id": f"m-{user}",
                "role": "user",
                "content": text,
            },
            {"type": "remember", "text": f"The user is a {what}, surely."},
        ]
        everybody.post("/v1/events", json=[draft | {"user_id": user} for draft in drafts])
    deployment.wait()
    found = {user: memories_of(everybody, user)[0]["id"] for user in (ANA, EVE)}
    return Ids(found[ANA], found[EVE], exported(everybody))


def memories_of(everybody: httpx2.Client, user: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = everybody.get("/v1/memories", params={"user_id": user}).json()[
        "memories"
    ]
    return listed


def exported(everybody: httpx2.Client) -> str:
    """Without its first line, which has the time."""
    return everybody.get(f"/v1/users/{ANA}/export").text.partition("\n")[2]


Sent = tuple[str, str, dict[str, Any]]


def asked(whose: dict[str, str], memory: str) -> Iterator[Sent]:
    """Everything that can be asked with a user and a memory named, or none."""
    path, text = f"/v1/memories/{memory}", {"text": "The user is a pilot."}
    yield "GET", "/v1/memories", {"params": whose}
    yield "GET", path, {"params": whose}
    yield "PATCH", path, {"params": whose, "json": text}
    yield "PATCH", path, {"json": text | whose}
    yield "GET", f"/v1/users/{whose.get('user_id', ANA)}/export", {}
    for session in (SESSION, None):
        yield "POST", "/v1/recall", {"json": {"query": SECRET, "session_id": session} | whose}
    for event in (
        {"type": "remember", **text},
        {"type": "message", "session_id": SESSION, "message_id": f"m-{ANA}", "role": "user"},
        {"type": "session_end", "session_id": SESSION},
        {"type": "edit_memory", "memory_id": memory, **text},
        {"type": "delete_memory", "memory_id": memory},
    ):
        yield "POST", "/v1/events", {"json": event | whose}
        yield "POST", "/v1/events", {"json": [event, event | whose]}
    for tool, arguments in (
        ("search_memories", {"query": SECRET}),
        ("get_memories", {}),
        ("add_memory", text),
        ("delete_memory", {"memory_id": memory}),
    ):
        params = {"name": tool, "arguments": arguments | whose}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        yield "POST", "/mcp", {"json": call, "headers": {"Accept": "application/json"}}
    yield "DELETE", path, {"params": whose}
    yield "GET", "/metrics", {}


def everything(ids: Ids) -> Iterator[Sent]:
    for user in (ANA, EVE, "nobody", None):
        for memory in (ids.ana, ids.eve, UNKNOWN):
            yield from asked({} if user is None else {"user_id": user}, memory)


def test_no_answer_tells_and_no_request_changes_what_is_anothers(
    deployment: Deployment,
    everybody: httpx2.Client,
    eve: httpx2.Client,
    stranger: httpx2.Client,
    ids: Ids,
) -> None:
    done = set()
    for method, path, body in everything(ids):
        refused = stranger.request(method, path, **body)
        answer = eve.request(method, path, **body)

        assert SECRET not in answer.text, (method, path, body)
        assert (refused.status_code, SECRET in refused.text) == (401, False)
        if answer.is_success:
            done.add((method, path.rpartition("/")[2]))
    deployment.wait()

    assert SECRET in ids.export
    assert exported(everybody) == ids.export
    # Eve was not just refused.
    assert {("POST", "events"), ("POST", "recall"), ("POST", "mcp"), ("GET", "memories")} <= done


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_memory_of_another_looks_like_none(eve: httpx2.Client, ids: Ids, method: str) -> None:
    body: dict[str, Any] = {"json": {"text": "x"}} if method == "PATCH" else {}

    another, none = (
        eve.request(method, f"/v1/memories/{each}", **body) for each in (ids.ana, UNKNOWN)
    )

    assert another.status_code == none.status_code == 404
    assert another.content == none.content


def test_user_who_is_another_looks_like_none(eve: httpx2.Client, ids: Ids) -> None:
    another, nobody = (eve.get(f"/v1/users/{user}/export") for user in (ANA, "nobody"))

    assert another.status_code == nobody.status_code == 404
    assert another.content == nobody.content


def test_page_of_another_s_memories_does_not_go_on(
    everybody: httpx2.Client, eve: httpx2.Client, ids: Ids
) -> None:
    drafts = [{"type": "remember", "user_id": ANA, "text": f"{SECRET} {n}"} for n in range(3)]
    everybody.post("/v1/events", json=drafts)
    page = everybody.get("/v1/memories", params={"user_id": ANA, "limit": 1}).json()

    if page["next"]:
        answer = eve.get("/v1/memories", params={"cursor": page["next"]})
        assert SECRET not in answer.text
