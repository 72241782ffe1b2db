"""Faults of the local DashScope, as the official SDK lets them through."""

from json import JSONDecodeError
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.servers import Server
from tablestore_memory.localcloud.dashscope.faults import BEHAVIOURS, ERRORS
from tests.local_dashscope import LocalDashScope, content, user

HELLO = user("Hello")


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_returned_once_and_then_it_is_over(
    local_dashscope: LocalDashScope, name: str
) -> None:
    local_dashscope.ask_fault(name)

    first, second = local_dashscope.generate(HELLO), local_dashscope.embed(["Hello"])

    error = ERRORS[name]
    assert (first.status_code, first.code, first.message) == (
        error.status,
        error.code,
        error.message,
    )
    assert second.status_code == 200


def test_reset_before_the_answer_is_resent_once_by_the_sdk(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("reset")

    assert local_dashscope.generate(HELLO).status_code == 200

    assert local_dashscope.calls()["count"]["generation"] == 2


def test_two_resets_are_a_connection_error(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("reset", count=2)

    with pytest.raises(requests.ConnectionError):
        local_dashscope.generate(HELLO)


def test_reset_midway_breaks_the_body(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("reset_midway", count=2)

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        local_dashscope.generate(HELLO)


def test_dripping_answer_arrives_whole(local_dashscope: LocalDashScope) -> None:
    expected = content(local_dashscope.generate(HELLO))
    local_dashscope.ask_fault("drip", seconds=0.1)

    assert content(local_dashscope.generate(HELLO)) == expected


def test_delay_beyond_the_read_timeout_is_a_timeout(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("delay", seconds=5, count=2)

    with pytest.raises(requests.Timeout):
        local_dashscope.generate(HELLO, request_timeout=(3, 0.2))


def test_200_without_output_raises_in_generation_and_looks_fine_in_embeddings(
    local_dashscope: LocalDashScope,
) -> None:
    local_dashscope.ask_fault("no_output", count=2)

    with pytest.raises(TypeError):
        local_dashscope.generate(HELLO)
    response = local_dashscope.embed(["Hello"])

    assert (response.status_code, response.output) == (200, None)


@pytest.mark.parametrize("name", ["broken_json", "empty_error"])
def test_broken_body_raises(local_dashscope: LocalDashScope, name: str) -> None:
    local_dashscope.ask_fault(name)

    with pytest.raises(JSONDecodeError):
        local_dashscope.generate(HELLO)


@pytest.mark.parametrize(
    ("name", "finish"), [("length", "length"), ("broken_content", "stop"), ("wrong_keys", "stop")]
)
def test_content_is_spoilt(local_dashscope: LocalDashScope, name: str, finish: str) -> None:
    good = content(local_dashscope.generate_json(user("JSON")))
    local_dashscope.ask_fault(name)

    spoilt = local_dashscope.generate_json(user("JSON"))

    assert content(spoilt) != good
    assert spoilt.output.choices[0].finish_reason == finish


def test_fault_keeps_to_its_operation_and_text(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("data_inspection", operation="generation", match="茶", count=None)

    statuses = [
        local_dashscope.embed(["绿茶"]).status_code,
        local_dashscope.generate(user("咖啡")).status_code,
        local_dashscope.generate(user("绿茶")).status_code,
        local_dashscope.generate(user("红茶")).status_code,
    ]

    assert statuses == [200, 200, 400, 400]


def test_calls_are_counted_with_tokens_and_without_texts(local_dashscope: LocalDashScope) -> None:
    local_dashscope.ask_fault("throttling", operation="generation")
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
    assert counted["last"][0]["fault"] == "throttling"
    assert "wish" not in str(counted)


@pytest.mark.parametrize("wish", [{"name": "no_such"}, {"name": "reset", "count": 0}, {}])
def test_wish_that_makes_no_fault_is_refused(
    local_dashscope: LocalDashScope, wish: dict[str, Any]
) -> None:
    admin = local_dashscope.url.removesuffix("/api/v1") + "/admin/faults"

    assert requests.post(admin, json=wish, timeout=10).status_code == 400


def test_admin_path_is_off_unless_asked_for() -> None:
    with Server.start("dashscope") as server:
        admin = server.url.removesuffix("/api/v1") + "/admin/calls"

        assert requests.get(admin, timeout=10).status_code == 404
        assert server.stop() == 0


def test_log_names_the_rules_and_no_text() -> None:
    with Server.start("dashscope", "--api-key", "other") as server:
        LocalDashScope(server.url, api_key="other").generate(user("A secret wish"))
        server.stop()

        assert "rules-not-a-model" in server.output
        assert "wish" not in server.output


def test_documented_faults_are_those_that_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "local-dashscope.md").read_text(encoding="utf-8")

    table = page.split("## Faults")[1]
    documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}

    assert documented == {*ERRORS, *BEHAVIOURS}
