"""Faults of the local DashScope, as the official SDK lets them through."""

from json import JSONDecodeError
from urllib.parse import urljoin

import pytest
import requests

from devtools.servers import Server
from tablestore_memory.localcloud.dashscope.faults import ERRORS
from tests.local_dashscope import LocalDashScope, content, user

HELLO = user("Hello")


@pytest.mark.parametrize("code", ERRORS)
def test_error_is_returned_as_often_as_asked(local_dashscope: LocalDashScope, code: str) -> None:
    local_dashscope.faults.add("error", code=code, times=1)

    first, second = local_dashscope.generate(HELLO), local_dashscope.embed(["Hello"])

    error = ERRORS[code]
    assert (first.status_code, first.code, first.message) == (
        error.status,
        error.code,
        error.message,
    )
    assert second.status_code == 200


def test_error_says_what_it_is_told_to(local_dashscope: LocalDashScope) -> None:
    """By its words alone a caller can tell a used-up gift from a busy hour."""
    spent = "Free allocated quota exceeded."
    local_dashscope.faults.add("error", code="Throttling.AllocationQuota", message=spent)

    answer = local_dashscope.generate(HELLO)

    assert (answer.status_code, answer.message) == (429, spent)


def test_reset_before_the_answer_is_resent_once_by_the_sdk(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("reset", times=1)

    assert local_dashscope.generate(HELLO).status_code == 200

    assert local_dashscope.calls()["count"]["generation"] == 2


def test_two_resets_are_a_connection_error(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("reset", times=2)

    with pytest.raises(requests.ConnectionError):
        local_dashscope.generate(HELLO)


def test_reset_midway_breaks_the_body(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("reset-midway", times=2)

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        local_dashscope.generate(HELLO)


def test_dripping_answer_arrives_whole(local_dashscope: LocalDashScope) -> None:
    expected = content(local_dashscope.generate(HELLO))
    local_dashscope.faults.add("drip", times=1, seconds=0.1)

    assert content(local_dashscope.generate(HELLO)) == expected


def test_latency_beyond_the_read_timeout_is_a_timeout(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("latency", times=2, seconds=5)

    with pytest.raises(requests.Timeout):
        local_dashscope.generate(HELLO, request_timeout=(3, 0.2))


def test_200_without_output_raises_in_generation_and_looks_fine_in_embeddings(
    local_dashscope: LocalDashScope,
) -> None:
    local_dashscope.faults.add("no-output", times=2)

    with pytest.raises(TypeError):
        local_dashscope.generate(HELLO)
    response = local_dashscope.embed(["Hello"])

    assert (response.status_code, response.output) == (200, None)


@pytest.mark.parametrize("kind", ["broken-json", "empty-error"])
def test_broken_body_raises(local_dashscope: LocalDashScope, kind: str) -> None:
    local_dashscope.faults.add(kind, times=1)

    with pytest.raises(JSONDecodeError):
        local_dashscope.generate(HELLO)


@pytest.mark.parametrize(
    ("kind", "finish"), [("length", "length"), ("broken-content", "stop"), ("wrong-keys", "stop")]
)
def test_content_is_spoilt(local_dashscope: LocalDashScope, kind: str, finish: str) -> None:
    good = content(local_dashscope.generate_json(user("JSON")))
    local_dashscope.faults.add(kind, times=1)

    spoilt = local_dashscope.generate_json(user("JSON"))

    assert content(spoilt) != good
    assert spoilt.output.choices[0].finish_reason == finish


def test_fault_keeps_to_its_operation_and_text(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add(
        "error", code="DataInspectionFailed", operation="generation", match="茶"
    )

    statuses = [
        local_dashscope.embed(["绿茶"]).status_code,
        local_dashscope.generate(user("咖啡")).status_code,
        local_dashscope.generate(user("绿茶")).status_code,
        local_dashscope.generate(user("红茶")).status_code,
    ]

    assert statuses == [200, 200, 400, 400]


def test_calls_are_counted_with_tokens_and_without_texts(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("error", code="Throttling", times=1, operation="generation")
    local_dashscope.generate(user("A secret wish"))
    used = local_dashscope.generate(user("A secret wish")).usage
    local_dashscope.embed(["A secret wish"])

    counted = local_dashscope.calls()

    assert counted["count"] == {
        "generation": 2,
        "generation.429": 1,
        "generation.200": 1,
        "embedding": 1,
        "embedding.200": 1,
    }
    assert counted["tokens"]["generation.input"] == used.input_tokens
    assert counted["tokens"]["generation.output"] == used.output_tokens
    assert counted["last"][0]["fault"] == "error"
    assert "wish" not in str(counted)


@pytest.mark.parametrize(
    "body",
    ['{"kind": "rows"}', '{"kind": "reset", "times": 0}', "{}", "[]", '{"kind": "error",', "\xff"],
)
def test_what_is_no_fault_is_refused(local_dashscope: LocalDashScope, body: str) -> None:
    path = urljoin(local_dashscope.url, "/_faults")

    answer = requests.post(path, body.encode("latin-1"), timeout=10)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert local_dashscope.faults.listed() == []


def test_faults_and_calls_are_off_unless_asked_for() -> None:
    with Server.start("dashscope") as server:
        for path in ("/_faults", "/_calls"):
            assert requests.get(urljoin(server.url, path), timeout=10).status_code == 404
        assert server.stop() == 0


def test_log_names_the_rules_and_no_text() -> None:
    with Server.start("dashscope", "--api-key", "other") as server:
        LocalDashScope(server.url, api_key="other").generate(user("A secret wish"))
        server.stop()

        assert "rules-not-a-model" in server.output
        assert "wish" not in server.output
