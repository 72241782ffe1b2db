"""Text generation of the local DashScope, through the official SDK."""

import hashlib
import json
from typing import Any

import pytest
import requests

from devtools.servers import serving
from tests.local_dashscope import LocalDashScope, content, system, user

JSON = {"type": "json_object"}


def test_chat_says_that_it_is_rules_in_the_language_of_the_user(
    local_dashscope: LocalDashScope,
) -> None:
    english = content(local_dashscope.generate(user("Hello, who are you?")))
    chinese = content(local_dashscope.generate(user("你好，你是谁？")))

    assert "not a language model" in english
    assert "不是语言模型" in chinese


def test_chat_mentions_the_memory_that_shares_words(local_dashscope: LocalDashScope) -> None:
    memories = system("You know:\n- Anna likes hiking in the Alps\n- Anna's dog is called Rex")

    answer = content(local_dashscope.generate(memories, user("Where does Anna like to hike?")))

    assert "Anna likes hiking in the Alps" in answer


def test_chat_mentions_what_was_said_without_its_time(local_dashscope: LocalDashScope) -> None:
    block = system("What was said:\n2023-05-08\n13:02 Anna: I hike in the Alps.\n")

    answer = content(local_dashscope.generate(block, user("Where does Anna like to hike?")))

    assert "remember: Anna: I hike in the Alps." in answer


def test_every_answer_carries_the_rules_header_and_request_id(
    local_dashscope: LocalDashScope,
) -> None:
    response = local_dashscope.generate_json(user("Answer in JSON."))

    assert response.headers["X-Local-Rules"] == "rules, not a language model"
    assert response.request_id.startswith("local-rules-")


def test_answer_echoes_the_hash_of_its_own_request(local_dashscope: LocalDashScope) -> None:
    messages = [user("Which of us asked?"), user("我")]
    canonical = json.dumps({"messages": messages}, sort_keys=True, separators=(",", ":"))

    response = local_dashscope.generate(*messages)

    expected = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    assert response.headers["X-Request-Hash"] == expected
    assert expected in response.request_id


def test_usage_adds_up(local_dashscope: LocalDashScope) -> None:
    usage = local_dashscope.generate(user("One two three four.")).usage

    assert usage.input_tokens > 0
    assert usage["total_tokens"] == usage.input_tokens + usage.output_tokens


def test_result_format_text_is_the_default(local_dashscope: LocalDashScope) -> None:
    response = local_dashscope.generate(user("Hello"), result_format="text")

    assert "not a language model" in response.output.text
    assert response.output.choices is None


@pytest.mark.parametrize("incremental", [True, False])
def test_stream_gives_the_same_text_as_a_whole_answer(
    local_dashscope: LocalDashScope, incremental: bool
) -> None:
    whole = content(local_dashscope.generate(user("Hello 你好")))

    events = list(
        local_dashscope.generate(user("Hello 你好"), stream=True, incremental_output=incremental)
    )

    texts = [event.output.choices[0].message.content for event in events]
    assert len(texts) > 2
    assert ("".join(texts) if incremental else texts[-1]) == whole
    finishes = [event.output.choices[0].finish_reason for event in events]
    assert finishes == ["null"] * (len(events) - 1) + ["stop"]


def test_stream_reports_a_refusal(local_dashscope: LocalDashScope) -> None:
    events = list(local_dashscope.generate(user("Hello"), model="qwen-turbo", stream=True))

    assert [(event.status_code, event.code) for event in events] == [(404, "ModelNotFound")]


def test_max_tokens_cuts_the_text_and_says_length(local_dashscope: LocalDashScope) -> None:
    response = local_dashscope.generate(user("Hello"), max_tokens=3)

    assert response.output.choices[0].finish_reason == "length"
    assert response.usage.output_tokens == 3


RETIRED = ("qwen-turbo", "qwen-max", "qwen-max-latest", "qwen3-max", "qwen3-32b")


@pytest.mark.parametrize(
    ("options", "status", "code", "says"),
    [
        *(({"model": name}, 404, "ModelNotFound", name) for name in RETIRED),
        ({"model": "no-such-model"}, 404, "ModelNotFound", "no-such-model"),
        ({"model": "qwen3.5-plus"}, 400, "InvalidParameter", "url error"),
        ({"model": "qwen3.7-max"}, 400, "InvalidParameter", "url error"),
        ({"enable_thinking": True}, 400, "InvalidParameter", "enable_thinking"),
        ({"response_format": JSON}, 400, "InvalidParameter", "'json'"),
        ({"response_format": {"type": "xml"}}, 400, "InvalidParameter", "response_format"),
        ({"n": 2}, 400, "InvalidParameter", "not served"),
        ({"tools": [{"type": "function"}]}, 400, "InvalidParameter", "not served"),
        ({"max_tokens": 0}, 400, "InvalidParameter", "max_tokens"),
    ],
)
def test_what_the_service_refuses_is_refused(
    local_dashscope: LocalDashScope, options: dict[str, Any], status: int, code: str, says: str
) -> None:
    response = local_dashscope.generate(user("Hello"), **options)

    assert (response.status_code, response.code) == (status, code)
    assert says in response.message
    assert response.output is None


def test_thinking_with_json_is_refused_in_a_stream(local_dashscope: LocalDashScope) -> None:
    events = list(
        local_dashscope.generate_json(user("JSON please"), enable_thinking=True, stream=True)
    )

    assert [event.code for event in events] == ["InvalidParameter"]


def test_wrong_key_is_refused(dashscope_url: str) -> None:
    response = LocalDashScope(dashscope_url, api_key="wrong").generate(user("Hello"))

    assert (response.status_code, response.code) == (401, "InvalidApiKey")


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/services/aigc/text-generation/generate", {}, b"{}", 404),
        ("/services/aigc/text-generation/generation", {"Content-Type": "text/plain"}, b"{}", 400),
        ("/services/aigc/text-generation/generation", {}, b"{", 400),
        ("/services/aigc/text-generation/generation", {}, b'{"model": "qwen-plus"}', 400),
        ("/services/aigc/text-generation/generation", {"X-DashScope-Async": "enable"}, b"{}", 400),
    ],
)
def test_malformed_requests_are_refused(
    dashscope_url: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    defaults = {"Authorization": "Bearer local", "Content-Type": "application/json"}

    reply = requests.post(dashscope_url + path, headers=defaults | headers, data=body, timeout=10)

    assert reply.status_code == status
    assert set(reply.json()) == {"code", "message", "request_id"}


def test_lone_surrogate_in_an_escape_is_answered(dashscope_url: str) -> None:
    body = (
        rb'{"model": "qwen-plus", "input": {"messages": [{"role": "user", "content": "\ud800"}]}}'
    )

    reply = requests.post(
        dashscope_url + "/services/aigc/text-generation/generation",
        headers={"Authorization": "Bearer local", "Content-Type": "application/json"},
        data=body,
        timeout=10,
    )

    assert reply.status_code == 200


def test_programs_written_for_retired_models_run_where_that_is_asked_for() -> None:
    with serving("dashscope", "--retired-models") as url:
        local = LocalDashScope(url)

        answers = [local.generate(user("Hello"), model=name) for name in RETIRED]
        unknown = local.generate(user("Hello"), model="no-such-model")

    assert all("not a language model" in content(answer) for answer in answers)
    assert unknown.status_code == 404
