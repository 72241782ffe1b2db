"""Whatever a token asks for, and however: it is told nothing of anybody else, and changes nothing of theirs.

Hypothesis makes the requests; server, workers and stores are real.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

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


users = st.sampled_from([ANA, EVE, "nobody", None])
which = st.sampled_from(["ana", "eve", "unknown"])


def maybe(user: str | None) -> dict[str, str]:
    return {} if user is None else {"user_id": user}


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, Any], str]:
    """Method, path, what is sent, and which memory is meant, for the path and the arguments."""
    whose, memory = maybe(draw(users)), draw(which)
    text = {"text": draw(st.sampled_from(["The user is a pilot.", "x"]))}
    event = draw(
        st.sampled_from(
            [
                {"type": "remember", **text},
                {
                    "type": "message",
                    "session_id": SESSION,
                    "message_id": f"m-{ANA}",
                    "role": "user",
                },
                {"type": "session_end", "session_id": SESSION},
                {"type": "delete_memory", "memory_id": "MEMORY"},
                {"type": "edit_memory", "memory_id": "MEMORY", **text},
            ]
        )
    )
    tool = draw(
        st.sampled_from(
            [
                ("search_memories", {"query": SECRET}),
                ("get_memories", {}),
                ("delete_memory", {"memory_id": "MEMORY"}),
                ("add_memory", text),
            ]
        )
    )
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool[0], "arguments": tool[1] | whose},
    }
    listing = {"query": SECRET, "session_id": draw(st.sampled_from([SESSION, None]))}
    asked: tuple[str, str, dict[str, Any]] = draw(
        st.sampled_from(
            [
                ("GET", "/v1/memories", {"params": whose}),
                ("GET", "/v1/memories/MEMORY", {"params": whose}),
                ("PATCH", "/v1/memories/MEMORY", {"params": whose, "json": text}),
                ("PATCH", "/v1/memories/MEMORY", {"json": text | whose}),
                ("DELETE", "/v1/memories/MEMORY", {"params": whose}),
                ("GET", f"/v1/users/{whose.get('user_id', ANA)}/export", {}),
                ("POST", "/v1/recall", {"json": listing | whose}),
                ("POST", "/v1/events", {"json": event | whose}),
                ("POST", "/v1/events", {"json": [event, event | whose]}),
                ("GET", "/metrics", {}),
                ("POST", "/mcp", {"json": call, "headers": {"Accept": "application/json"}}),
            ]
        )
    )
    return (*asked, memory)


def sent(http: httpx2.Client, request: tuple[str, str, dict[str, Any], str], ids: Ids) -> Any:
    method, path, body, memory = request
    chosen = {"ana": ids.ana, "eve": ids.eve, "unknown": UNKNOWN}[memory]
    return http.request(method, path.replace("MEMORY", chosen), **_with(body, chosen))


def _with(value: Any, memory: str) -> Any:
    if isinstance(value, dict):
        return {name: _with(each, memory) for name, each in value.items()}
    if isinstance(value, list):
        return [_with(each, memory) for each in value]
    return memory if value == "MEMORY" else value


def test_no_answer_tells_and_no_request_changes_what_is_anothers(
    deployment: Deployment,
    everybody: httpx2.Client,
    eve: httpx2.Client,
    stranger: httpx2.Client,
    ids: Ids,
) -> None:
    tried: set[tuple[str, str, int]] = set()

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(requests(), st.booleans())
    def asked_by_eve_or_nobody(request: tuple[str, str, dict[str, Any], str], known: bool) -> None:
        answer = sent(eve if known else stranger, request, ids)

        tried.add((request[0], request[1].rpartition("/")[2], answer.status_code))
        assert SECRET not in answer.text
        assert known or answer.status_code == 401

    asked_by_eve_or_nobody()
    deployment.wait()

    assert SECRET in ids.export
    assert exported(everybody) == ids.export
    # Eve was not just refused.
    done = {("GET", "memories", 200), ("POST", "events", 202), ("POST", "recall", 200)}
    assert done | {("POST", "mcp", 200)} <= tried


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
