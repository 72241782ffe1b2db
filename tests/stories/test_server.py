"""Memory over HTTP, told as stories: a real server over a real deployment, asked as any program asks."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.faults import Faults
from devtools.servers import wait_until
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.costs.ledger import today
from tests.answers import audited
from tests.documents import DOCS
from tests.memory_server import ALL, client, memory_server, problem, token_of, url_of

ANA = "ana-of-http"


@pytest.fixture(scope="module")
def server(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    journals, model = tmp_path_factory.mktemp("journal"), "qwen3-rerank"
    with memory_server(deployment.environment, journals, ANA, MEMORY_RERANK_MODEL=model) as server:
        yield server


@pytest.fixture(scope="module")
def everybody(server: Child) -> Iterator[httpx2.Client]:
    """Asks with the token of all users."""
    with client(server, ALL) as http:
        yield http


@pytest.fixture(scope="module")
def ana(server: Child) -> Iterator[httpx2.Client]:
    with client(server, token_of(ANA)) as http:
        yield http


def said(user: str, number: int, text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "user_id": user,
        "session_id": f"{user}-s",
        "created_at": f"2023-05-08T13:{number:02}:00+00:00",
        "role": "user",
        "content": text,
    }


def remembered(deployment: Deployment, everybody: httpx2.Client, user: str) -> list[dict[str, Any]]:
    deployment.wait()
    answer = everybody.get("/v1/memories", params={"user_id": user})
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["memories"]
    return listed


def remember(everybody: httpx2.Client, user: str, *texts: str) -> None:
    drafts = [{"type": "remember", "user_id": user, "text": text} for text in texts]
    assert everybody.post("/v1/events", json=drafts).status_code == 202


def test_what_is_published_over_http_is_told_as_a_turn_and_then_as_a_fact(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    question = {"user_id": fresh_name, "query": "Where does she live?", "deadline_s": 5}
    answer = everybody.post("/v1/events", json=said(fresh_name, 1, "I live in Paris."))
    assert (answer.status_code, len(answer.json()["event_ids"])) == (202, 1)

    turn = wait_until(
        lambda: t if (t := everybody.post("/v1/recall", json=question).json())["turns"] else None,
        "told",
    )
    over = {"type": "session_end", "user_id": fresh_name, "session_id": f"{fresh_name}-s"}
    everybody.post("/v1/events", json=[said(fresh_name, 2, "I have a dog."), over])
    deployment.wait()
    found = everybody.post("/v1/recall", json=question).json()

    assert turn["text"].endswith("user: I live in Paris.")
    (paris,) = [memory for memory in found["memories"] if "Paris" in memory["text"]]
    assert paris["sources"][0]["text"] == "I live in Paris."
    assert found["missing"] == []


def test_list_of_events_is_taken_whole_or_not_at_all(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    good, bad = said(fresh_name, 1, "Good."), said(fresh_name, 2, "hunter2") | {"role": "hunter2"}

    refused = everybody.post("/v1/events", json=[good, bad])
    too_many = everybody.post("/v1/events", json=[good] * 1001)
    remember(everybody, fresh_name, f"{fresh_name} came last.")
    deployment.wait()

    assert refused.status_code == too_many.status_code == 400
    assert problem(refused)["field"] == "[1].role"
    assert "hunter2" not in refused.text
    sessions = deployment.services.sessions
    assert list(sessions.messages(fresh_name, f"{fresh_name}-s")) == []


def test_event_sent_twice_with_its_id_is_done_once(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    event = said(fresh_name, 1, "Once.") | {"event_id": f"{fresh_name}-1"}

    for _ in range(2):
        answer = everybody.post("/v1/events", json=event)
        assert answer.json() == {"event_ids": [f"{fresh_name}-1"]}
    deployment.wait()

    turns = deployment.services.sessions.messages(fresh_name, f"{fresh_name}-s")
    assert [turn.text for turn in turns] == ["Once."]


def test_memories_are_listed_page_by_page(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    texts = {f"{fresh_name} likes dish number {n}." for n in range(7)}
    remember(everybody, fresh_name, *sorted(texts))
    deployment.wait()

    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor:
        asked: dict[str, Any] = {"user_id": fresh_name, "limit": 3} | (
            {"cursor": cursor} if cursor else {}
        )
        page = everybody.get("/v1/memories", params=asked).json()
        pages.append([memory["text"] for memory in page["memories"]])
        cursor = page["next"]

    assert [len(page) for page in pages][:2] == [3, 3]
    assert sorted(text for page in pages for text in page) == sorted(texts)


def test_memory_is_corrected_by_its_user_and_told_with_what_it_was(
    deployment: Deployment, everybody: httpx2.Client, ana: httpx2.Client
) -> None:
    remember(everybody, ANA, "Ana lives in Paris.")
    (before,) = remembered(deployment, everybody, ANA)

    edited = ana.patch(f"/v1/memories/{before['id']}", json={"text": "Ana lives in Rome."})
    deployment.wait()
    old = ana.get(f"/v1/memories/{before['id']}").json()
    new = ana.get(f"/v1/memories/{edited.json()['memory_id']}").json()

    assert edited.status_code == 202
    assert old == new
    assert new["text"] == "Ana lives in Rome."
    assert [each["text"] for each in new["history"]] == ["Ana lives in Paris."]


def test_memory_is_deleted_with_what_it_was(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    remember(everybody, fresh_name, f"{fresh_name} likes tea.", f"{fresh_name} likes figs.")
    memories = remembered(deployment, everybody, fresh_name)
    path = f"/v1/memories/{next(m['id'] for m in memories if 'tea' in m['text'])}"

    deleted = everybody.delete(path, params={"user_id": fresh_name})
    left = remembered(deployment, everybody, fresh_name)

    assert deleted.status_code == 202
    assert [memory["text"] for memory in left] == [f"{fresh_name} likes figs."]
    assert everybody.get(path, params={"user_id": fresh_name}).status_code == 404
    assert everybody.delete(path, params={"user_id": fresh_name}).status_code == 404


def test_all_of_a_user_is_exported_line_by_line_and_nothing_is_left_when_forgotten(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    everybody.post("/v1/events", json=[said(fresh_name, n, f"Message {n}.") for n in range(1, 4)])
    remember(everybody, fresh_name, f"{fresh_name} likes tea.")
    deployment.wait()
    path = f"/v1/users/{fresh_name}/export"

    with everybody.stream("GET", path) as answer:
        whole = [json.loads(line) for line in answer.iter_lines()]
    forgotten = everybody.post("/v1/forget", json={"user_id": fresh_name})
    receipts = deployment.services.deletion_receipts
    wait_until(lambda: receipts.finished(forgotten.json()["event_ids"][0]), "forgotten")
    left = [json.loads(line) for line in everybody.get(path).text.splitlines()]

    assert answer.headers["content-type"] == "text/x-ndjson; charset=utf-8"
    kinds = [record["record"] for record in whole]
    assert kinds.count("message") == 3
    assert [r["text"] for r in whole if r["record"] == "memory"] == [f"{fresh_name} likes tea."]
    assert (kinds[0], kinds[-1]) == ("export", "end")
    assert [record["record"] for record in left] == ["export", "end"]


def test_what_a_token_read_and_changed_is_in_the_audit_before_it_is_done(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    remember(everybody, fresh_name, f"{fresh_name} likes tea.")
    (memory,) = remembered(deployment, everybody, fresh_name)
    whose = {"user_id": fresh_name}
    everybody.get(f"/v1/memories/{memory['id']}", params=whose)
    everybody.patch(f"/v1/memories/{memory['id']}", params=whose, json={"kind": "preference"})
    everybody.get(f"/v1/users/{fresh_name}/export")
    everybody.post("/v1/forget", json=whose)
    by_event = {"type": "delete_memory", "memory_id": memory["id"], **whose}
    everybody.post("/v1/events", json=by_event)

    deeds = audited(deployment, fresh_name, 6)

    commands = ["delete", "edit", "export", "forget", "memories", "memories"]
    assert sorted(deed["command"] for deed in deeds) == commands
    assert {deed["by"] for deed in deeds} == {"token:all"}
    assert memory["id"] not in json.dumps(deeds)


def test_what_a_recall_asks_of_qwen_is_booked_for_its_user_and_how_long_it_takes_is_counted(
    deployment: Deployment, everybody: httpx2.Client, fresh_name: str
) -> None:
    remember(everybody, fresh_name, "I like green tea.")
    deployment.wait()
    asked = {"user_id": fresh_name, "query": f"Does {fresh_name} like tea?"}
    assert everybody.post("/v1/recall", json=asked).json()["memories"]

    def purposes() -> set[str]:
        _, spent = deployment.services.ledger.spent(today(), fresh_name)
        return {each.purpose for each in spent if each.input and each.calls == 1}

    wait_until(lambda: {"query", "rerank"} <= purposes(), "both are booked")
    counted = re.compile(r"^memory_worker_recall_duration_seconds_count [1-9]", re.MULTILINE)
    wait_until(lambda: counted.search(everybody.get("/metrics").text), "the recall is counted")


def test_ids_may_have_any_character(everybody: httpx2.Client, fresh_name: str) -> None:
    answer = everybody.get(f"/v1/users/acme%2F{fresh_name}/export")

    assert answer.status_code == 200
    assert json.loads(answer.text.splitlines()[-1])["record"] == "end"


def test_metrics_are_for_a_token_of_all_users(everybody: httpx2.Client, ana: httpx2.Client) -> None:
    told = everybody.get("/metrics")

    assert told.headers["content-type"].startswith("text/plain")
    assert "memory_worker_events_published_total" in told.text
    assert ana.get("/metrics").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "field"),
    [
        ("GET", "/v1/memories", {"headers": {"Authorization": "Bearer wrong"}}, 401, None),
        ("GET", "/v1/memories", {"headers": {"Host": "evil.example"}}, 421, "Host"),
        ("GET", "/v1/memories", {"headers": {"Origin": "http://evil.example"}}, 403, "Origin"),
        ("GET", "/v1/memories", {"params": {"user_id": "eve"}}, 403, "user_id"),
        ("GET", "/v1/memories", {"params": {"limit": "hunter2"}}, 400, "limit"),
        ("GET", "/v1/memories", {"params": {"cursor": "hunter2"}}, 400, "cursor"),
        ("GET", "/v1/memories", {"params": {"hunter 2": "1"}}, 400, "body"),
        ("GET", "/v1/memories", {"params": {"limit": ["1", "2"]}}, 400, "limit"),
        ("GET", "/v1/memories/hunter2", {}, 404, None),
        ("GET", f"/v1/memories/{'x' * 1025}", {}, 400, "memory_id"),
        ("GET", "/v1/users/eve/export", {}, 404, None),
        ("GET", "/v1/hunter2", {}, 404, None),
        ("PUT", "/v1/events", {}, 405, None),
        ("POST", "/v1/events", {"json": {"type": "hunter2"}}, 400, "type"),
        ("POST", "/v1/events", {"json": "hunter2"}, 400, "body"),
        ("POST", "/v1/events", {"content": b'{"type": "hunter2'}, 415, "Content-Type"),
        ("POST", "/v1/recall", {"json": {"query": "x", "user_id": "eve"}}, 403, "user_id"),
        ("POST", "/v1/recall", {"json": {"query": "x", "since": "hunter2"}}, 400, "since"),
        ("POST", "/v1/recall", {"json": {"query": "x", "tokens": "hunter2"}}, 400, "tokens"),
        ("POST", "/v1/recall", {"json": {"query": ["hunter2"]}}, 400, "query"),
        ("POST", "/v1/recall", {"json": {"query": "x", "kinds": ["hunter2"]}}, 400, "kinds"),
        ("POST", "/v1/recall", {"json": {"query": "x", "hunter2": 1}}, 400, "hunter2"),
        ("POST", "/v1/recall", {"json": {}}, 400, "query"),
        ("PATCH", "/v1/memories/x", {"json": {}}, 400, "text"),
        ("PATCH", "/v1/memories/x", {"json": {"event_start": "hunter2"}}, 400, "event_start"),
        ("POST", "/v1/forget", {"json": {"user_id": "eve"}}, 403, "user_id"),
        ("POST", "/v1/recall", {"content": b"x" * 4_194_305}, 413, None),
        ("POST", "/mcp", {"json": {}, "headers": {"Authorization": ""}}, 401, None),
        ("POST", "/mcp", {"json": {}, "headers": {"Host": "evil.example"}}, 421, "Host"),
        ("GET", "/mcp", {}, 405, None),
    ],
)
def test_what_is_not_as_it_must_be_is_a_problem_that_repeats_no_value(
    ana: httpx2.Client, method: str, path: str, sent: dict[str, Any], status: int, field: str | None
) -> None:
    answer = ana.request(method, path, **sent)

    assert answer.status_code == status
    told = problem(answer)
    assert told.get("field") == field
    assert field == "hunter2" or "hunter2" not in answer.text


def test_method_that_a_path_does_not_know_is_told_with_those_it_knows(
    ana: httpx2.Client,
) -> None:
    answers = [ana.put("/v1/memories/x"), ana.get("/v1/recall"), ana.get("/mcp")]

    assert [each.headers["Allow"] for each in answers] == [
        "DELETE, GET, HEAD, PATCH",
        "POST",
        "POST",
    ]
    assert problem(answers[1])["detail"] == "the path knows POST"


def test_token_that_opens_nothing_is_told_from_none(ana: httpx2.Client) -> None:
    told = [
        problem(ana.get("/v1/memories", headers={"Authorization": header}))["detail"]
        for header in ("", "Bearer wrong")
    ]

    assert told == [
        "say who you are: Authorization: Bearer TOKEN",
        "this token opens nothing here",
    ]


def test_commands_of_the_document_do_what_it_says(
    deployment: Deployment, everybody: httpx2.Client, server: Child, tmp_path: Path
) -> None:
    agent, person = re.findall(r"```sh\n(.*?)```", (DOCS / "server.md").read_text(), re.DOTALL)
    variables = {"SERVER": url_of(server), "TOKEN": ALL, "NO_PROXY": "127.0.0.1"}

    def run(script: str, **more: str) -> str:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", **variables, **more},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    run(agent)
    (memory,) = remembered(deployment, everybody, "ana")
    told = run(person, MEMORY=memory["id"])

    assert "peanuts" in memory["text"]
    assert "event_ids" in told
    exported = (tmp_path / "ana.jsonl").read_text().splitlines()
    assert json.loads(exported[-1])["record"] == "end"


def test_server_that_is_told_to_end_answers_what_is_in_flight_and_delivers_what_was_published(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str, tmp_path: Path
) -> None:
    """Without workers, so that what was published stays in its stream."""
    Faults(dashscope_url).clear()
    with ExitStack() as stack:
        deployment = stack.enter_context(Deployment(redis_url, tablestore_url, dashscope_url))
        server = stack.enter_context(memory_server(deployment.environment, tmp_path))
        http = stack.enter_context(client(server, ALL))
        Faults(dashscope_url).add("latency", operation="embedding", match=fresh_name, seconds=1)
        answers: list[httpx2.Response] = []
        question = {"user_id": fresh_name, "query": fresh_name, "deadline_s": 5}
        asking = threading.Thread(
            target=lambda: answers.append(http.post("/v1/recall", json=question))
        )

        with client(server, ALL) as another:
            asking.start()
            drafts = [said(fresh_name, 1, f"Message {n}.") for n in range(1000)]
            assert another.post("/v1/events", json=drafts).status_code == 202
        code = server.stop()
        asking.join()

        streams = Streams(deployment.settings.prefix, deployment.settings.partitions)
        keys = [streams.events(number) for number in range(streams.partitions)]
        Faults(dashscope_url).clear()
        delivered = sum(deployment.services.redis.xlen(key) for key in keys)
    assert (code, delivered) == (0, 1000)
    assert [answer.status_code for answer in answers] == [200]


def test_token_that_is_made_up_is_printed_once_and_opens_all_users(
    redis_url: str, tablestore_url: str, dashscope_url: str, tmp_path: Path
) -> None:
    deployment = Deployment(redis_url, tablestore_url, dashscope_url)
    with memory_server(deployment.environment, tmp_path, MEMORY_SERVER_TOKENS="") as server:
        (token,) = re.findall(r"token .*: (\S+)$", server.output, re.MULTILINE)
        with client(server, token) as http, client(server, ALL) as stranger:
            opened = http.get("/metrics").status_code
            refused = stranger.get("/metrics").status_code

        assert (opened, refused) == (200, 401)
        assert server.output.count(token) == 1


def test_store_that_is_away_is_told_before_an_answer_begins(
    deployment: Deployment, fresh_name: str, tmp_path: Path
) -> None:
    nobody = {"TABLESTORE_ENDPOINT": "http://127.0.0.1:9"}  # the discard port: nothing listens
    with (
        memory_server(deployment.environment | nobody, tmp_path) as server,
        client(server, ALL) as http,
    ):
        export = http.get(f"/v1/users/{fresh_name}/export")
        listed = http.get("/v1/memories", params={"user_id": fresh_name})

    told = [problem(export)["detail"], problem(listed)["detail"]]
    assert told == ["Tablestore does not do its work: Unavailable"] * 2
