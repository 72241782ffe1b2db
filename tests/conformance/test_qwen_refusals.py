"""Qwen's refusals, as its client meets them: whose fault they are, and what is said about them."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    ContentRefused,
    RequestRefused,
    ResourceMissing,
    ServiceFails,
    Throttled,
    Unavailable,
    UnusableReply,
    WorkerError,
)
from tablestore_memory.worker.qwen.calls import Spent
from tablestore_memory.worker.qwen.client import Qwen
from tests.local_dashscope import LocalDashScope

KEY = "local"
SECRET_KEY = "sk-topsecret1234567"
SYSTEM = "Reply with JSON."


class CallLimiter:
    """Lets everything pass, and remembers for which models the service asked to slow down."""

    def __init__(self) -> None:
        self.slowed: list[str] = []

    @contextmanager
    def call(self, model: str, tokens: int) -> Iterator[Spent]:
        try:
            yield Spent(tokens)
        except Throttled:
            self.slowed.append(model)
            raise


def qwen(
    url: str, *, api_key: str = KEY, limiter: CallLimiter | None = None, dimension: int = 256
) -> Qwen:
    return Qwen(
        url=url,
        api_key=api_key,
        model="qwen-plus",
        embedding_model="text-embedding-v4",
        dimension=dimension,
        limiter=limiter or CallLimiter(),
    )


def calls(local: LocalDashScope) -> list[str]:
    """The operations of the calls that were made."""
    return [call["operation"] for call in local.calls()["last"]]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("InvalidParameter", RequestRefused), ("DataInspectionFailed", ContentRefused)],
)
def test_refusal_of_one_question_is_that_question_s(
    local_dashscope: LocalDashScope, code: str, kind: type[WorkerError]
) -> None:
    local_dashscope.faults.add("error", code=code, match="hostile")

    with pytest.raises(kind):
        qwen(local_dashscope.url).json(SYSTEM, "a hostile text")
    with pytest.raises(kind):
        qwen(local_dashscope.url).embed(["a hostile text"])

    assert calls(local_dashscope) == ["generation", "generation", "embedding", "embedding"]


@pytest.mark.parametrize("code", ["InvalidParameter", "DataInspectionFailed"])
def test_refusal_of_everything_is_nobody_s(local_dashscope: LocalDashScope, code: str) -> None:
    local_dashscope.faults.add("error", code=code)

    with pytest.raises(ServiceFails, match="trivial question"):
        qwen(local_dashscope.url).json(SYSTEM, "Hello")
    with pytest.raises(ServiceFails, match="trivial question"):
        qwen(local_dashscope.url).embed(["Hello"])


def test_one_service_refuses_and_the_other_does_not(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("error", code="InvalidParameter", operation="embedding")
    client = qwen(local_dashscope.url)

    client.probe()
    with pytest.raises(ServiceFails):
        client.probe(embedding=True)


def test_service_that_fails_meanwhile_is_no_proof(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("error", code="DataInspectionFailed", times=1)
    local_dashscope.faults.add("error", code="InternalError", times=1)

    with pytest.raises(Unavailable):
        qwen(local_dashscope.url).json(SYSTEM, "Hello")


def test_answer_of_another_shape_is_an_answer(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("length")
    client = qwen(local_dashscope.url)

    client.probe()
    with pytest.raises(UnusableReply):
        client.json(SYSTEM, "Hello")

    assert len(calls(local_dashscope)) == 2


def test_wrong_setting_that_only_the_service_knows_is_told_in_its_words(
    local_dashscope: LocalDashScope,
) -> None:
    with pytest.raises(ServiceFails, match="dimension should be in"):
        qwen(local_dashscope.url, dimension=257).embed(["Hello"])


def test_service_that_asks_to_slow_down_is_heard(local_dashscope: LocalDashScope) -> None:
    local_dashscope.faults.add("error", code="Throttling", times=2)
    limiter = CallLimiter()
    client = qwen(local_dashscope.url, limiter=limiter)

    with pytest.raises(Throttled):
        client.json(SYSTEM, "Hello")
    with pytest.raises(Throttled):
        client.embed(["Hello"])

    assert limiter.slowed == ["qwen-plus", "text-embedding-v4"]


@contextmanager
def answering(status: int, body: str, content_type: str = "application/json") -> Iterator[str]:
    """The URL of a server that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/v1"
        server.shutdown()


def told(error: BaseException) -> str:
    """All that a log could show of it, with its causes."""
    text = f"{error}{error.args}"
    chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return text + (told(chained) if isinstance(chained, WorkerError) else "")


def refusal(client: Qwen, text: str) -> WorkerError:
    with pytest.raises(WorkerError) as refused:
        client.json(SYSTEM, text)
    return refused.value


@pytest.mark.parametrize("status", [400, 403, 413, 422, 500, 503])
def test_service_s_words_about_a_text_are_not_repeated(status: int) -> None:
    body = '{"code": "BadRequest", "message": "bad: my hunter2", "request_id": "r-1"}'

    with answering(status, body) as url:
        client = qwen(url)
        client.probe = lambda **_: None  # type: ignore[method-assign]
        error = refusal(client, "my hunter2")

    assert "hunter2" not in told(error)
    assert f"{status} BadRequest, request r-1" in str(error)


def test_page_of_a_proxy_pauses_instead_of_skipping() -> None:
    with answering(400, "<html>no,\x1b[2J Bearer local</html>", "text/html") as url:
        error = refusal(qwen(url), "Hello")

    assert isinstance(error, ServiceFails)
    assert str(error).endswith("<html>no,[2J Bearer [key]</html>")


def test_code_and_request_id_that_are_none_are_not_repeated() -> None:
    body = '{"code": "my hunter2 is", "message": "", "request_id": {"x": "hunter2 y"}}'

    with answering(500, body) as url:
        error = refusal(qwen(url), "my hunter2")

    assert str(error) == "Qwen: 500 ?, request ?"


@pytest.mark.parametrize(
    "api_key", [f"{SECRET_KEY}\n", f"{SECRET_KEY}\u200b", f"{SECRET_KEY}密", f" {SECRET_KEY}"]
)
def test_key_that_no_header_can_carry_is_never_shown(
    local_dashscope: LocalDashScope, api_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dashscope").setLevel(logging.CRITICAL)  # as `configure_logging` does
    error = refusal(qwen(local_dashscope.url, api_key=api_key), "Hello")

    assert isinstance(error, BadCredentials)
    assert "topsecret" not in told(error) + caplog.text
    assert "DASHSCOPE_API_KEY" in str(error)


@pytest.mark.parametrize("url", ["ftp://u:hunter2@h/api", "u:hunter2@h", "http://u:hunter2@:x/"])
def test_address_that_cannot_be_asked_is_never_shown(url: str) -> None:
    error = refusal(qwen(url), "Hello")

    assert isinstance(error, ResourceMissing)
    assert "hunter2" not in told(error)
    assert "DASHSCOPE_HTTP_BASE_URL" in str(error)


@pytest.mark.parametrize(
    ("host", "word"), [("127.0.0.1:9", "Connection refused"), ("no-such-host.invalid", "name")]
)
def test_connection_that_fails_is_told_without_its_url(host: str, word: str) -> None:
    error = refusal(qwen(f"http://u:hunter2@{host}/api/v1"), "Hello")

    assert isinstance(error, Unavailable)
    assert word in str(error)
    assert "hunter2" not in str(error)


def test_unreadable_answer_is_not_repeated() -> None:
    with answering(
        200, '{"output": {"choices": [{"hunter2": 1}]}, "usage": {"total_tokens": "hunter2"}}'
    ) as url:
        error = refusal(qwen(url), "Hello")

    assert isinstance(error, Unavailable)
    assert "hunter2" not in str(error)
