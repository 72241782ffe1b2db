"""One trace leads from an agent's request to the memory that can be searched, whatever processes do the work.

All of them live once, side by side, and have ended when a test looks at what they told.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from devtools.child import Child
from devtools.deployment import Deployment, worker
from devtools.extraction import said
from tests.collector import Collector, Received
from tests.in_trace import in_trace, span_id, trace_id
from tests.memory_server import ALL, client, memory_server

SECRET_WORD = "kayaking"
POOLS: dict[str, dict[str, Any]] = {
    "prefork": {},
    "recycled": {"options": ("--max-tasks-per-child", "1")},
    "threads": {"pool": "threads", "concurrency": 4},
    "away": {"pool": "threads"},
}
CAPTURED = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
AWAY = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9/key-of-mine",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
}
AGENT = """
import sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tablestore_memory import Recall

trace.set_tracer_provider(provider := TracerProvider())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
with Recall.from_env() as recall, trace.get_tracer("agent").start_as_current_span("answer"):
    recall(user_id=sys.argv[1], query=sys.argv[2], deadline_s=20)
"""


class Run:
    """A deployment, the requests in which it is asked for something, and what its processes tell of them."""

    def __init__(self, deployment: Deployment, collector: Collector) -> None:
        self.deployment, self.collector = deployment, collector
        self.user = f"user-{deployment.settings.prefix}"
        self.requests: dict[str, str] = {}

    def publish(self, what: str, *drafts: dict[str, Any], sampled: bool = True) -> None:
        with in_trace(sampled=sampled) as self.requests[what]:
            self.deployment.publish(*drafts)

    def spans(self, what: str, name: str = "") -> list[Received]:
        """Those in the trace of a request."""
        return self.collector.spans(name, trace_id(self.requests[what]))

    def only(self, what: str, name: str) -> Received:
        (span,) = self.spans(what, name)
        return span

    def told(self) -> str:
        """All that stands in attributes."""
        spans = self.collector.spans()
        return " ".join(str(value) for span in spans for value in span.attributes.values())


@pytest.fixture(scope="module")
def runs(
    redis_url: str, tablestore_url: str, dashscope_url: str, tmp_path_factory: Any
) -> Iterator[dict[str, Run]]:
    """By pool. Only what is left at a process's end is sent, so that none of it is lost there."""
    tables: dict[str, str] = {}
    found: dict[str, Run] = {}
    more: dict[str, Mapping[str, str]] = {"threads": CAPTURED, "away": AWAY}
    with ExitStack() as stack:
        for pool in POOLS:
            collector = stack.enter_context(Collector())
            variables = collector.environment | tables | dict(more.get(pool, {}))
            deployment = stack.enter_context(
                Deployment(redis_url, tablestore_url, dashscope_url, **variables)
            )
            tables = tables or tables_of(deployment)
            found[pool] = Run(deployment, collector)
            talk(found[pool])
        ask_for_more(found["prefork"])
        for pool, run in found.items():
            environment = os.environ | run.deployment.environment
            run.deployment.workers.append(worker("", environment, **POOLS[pool]))
        ask_in_processes(found["prefork"], tmp_path_factory.mktemp("journals"))
        end(list(found.values()))
        yield found


def tables_of(deployment: Deployment) -> dict[str, str]:
    """For others that need none of their own."""
    return {k: v for k, v in deployment.environment.items() if k.endswith("_TABLE")}


def talk(run: Run) -> None:
    over = {"type": "session_end", "user_id": run.user, "session_id": run.user}
    run.publish("talk", said(run.user, run.user, 1, f"I like {SECRET_WORD}."), over)


def ask_for_more(run: Run) -> None:
    for number, text in enumerate(("I like chess.", "I like tea.", "I like rain."), 1):
        run.publish(f"turn {number}", said("dee", "dee", number, text))
    for number in range(1, 21):
        run.publish(f"many {number}", said("hal", "hal", number, f"Line {number}."))
    run.publish("unrecorded", said("eli", "eli", 1, "I like chess."), sampled=False)
    run.publish("remember", {"type": "remember", "user_id": "bo", "text": "Call me Bo."})
    run.deployment.publish(
        {"type": "remember", "user_id": "cy", "text": "Call me Cy.", "traceparent": "names none"}
    )


def ask_in_processes(run: Run, journals: Path) -> None:
    """An agent that recalls, and a server."""
    agent = os.environ | run.deployment.environment | {"OTEL_SERVICE_NAME": "agent"}
    command = [sys.executable, "-c", AGENT, "nobody", SECRET_WORD]
    with (
        subprocess.Popen(command, env=agent) as recalling,
        memory_server(run.deployment.environment, journals) as server,
        client(server, ALL) as http,
    ):
        ask_over_http(run, http)
        assert recalling.wait(30) == 0


def ask_over_http(run: Run, http: httpx2.Client) -> None:
    """As an agent does that is written in any language, and a model that has tools."""
    over = {"type": "session_end", "user_id": "fay", "session_id": "fay"}
    gone = {"type": "delete_memory", "user_id": "fay", "memory_id": "one-that-is-gone"}
    tool = {"name": "add_memory", "arguments": {"user_id": "gus", "text": "Call me Gus."}}
    asked = {
        "/v1/events": [said("fay", "fay", 1, "I like ferns."), over, gone],
        "/v1/recall": {"user_id": "fay", "query": SECRET_WORD, "deadline_s": 20},
        "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool},
    }
    for path, body in asked.items():
        with in_trace() as run.requests[path]:
            pass
        headers = {"traceparent": run.requests[path], "Accept": "application/json"}
        answer = http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text


def end(runs: list[Run]) -> None:
    """When all that was published is done, as workers do when they are told to."""
    for run in runs:
        run.deployment.wait()
    workers = [worker for run in runs for worker in run.deployment.workers]
    with ThreadPoolExecutor(len(workers)) as threads:
        list(threads.map(Child.stop, workers))


@pytest.mark.parametrize("pool", ["prefork", "recycled", "threads"])
def test_one_trace_leads_from_a_request_to_the_searchable_memory(
    runs: dict[str, Run], pool: str
) -> None:
    run = runs[pool]
    request = run.requests["talk"]

    session = run.only("talk", "process session")
    written = run.only("talk", "upsert_memory")
    searchable = run.only("talk", "searchable")
    assert session.parent_id == span_id(request)
    assert written.parent_id == session.span_id
    assert searchable.parent_id == written.span_id
    assert searchable.duration_ms > 0
    assert written.attributes["gen_ai.memory.record.count"] == 1
    calls = [*run.spans("talk", "chat "), *run.spans("talk", "embeddings ")]
    assert {call.parent_id for call in calls} == {session.span_id}
    assert {call.attributes["gen_ai.operation.name"] for call in calls} == {"chat", "embeddings"}
    for call in calls:
        assert call.attributes["gen_ai.provider.name"] == "dashscope"
        assert call.name.endswith(call.attributes["gen_ai.request.model"])
        assert call.attributes["gen_ai.usage.input_tokens"] > 0
    batches = run.collector.spans("process events")
    assert (trace_id(request), span_id(request)) in {link for b in batches for link in b.links}
    assert {span.service for span in run.spans("talk")} == {"memory-worker"}
    assert not any(span.failed for span in run.spans("talk"))


def test_what_is_asked_for_by_name_is_traced_to_its_end(runs: dict[str, Run]) -> None:
    run = runs["prefork"]

    asked = run.only("remember", "process remember")
    written = run.only("remember", "upsert_memory")
    assert asked.parent_id == span_id(run.requests["remember"])
    assert written.parent_id == asked.span_id
    assert run.only("remember", "searchable").parent_id == written.span_id


def test_what_names_no_trace_is_done_all_the_same(runs: dict[str, Run]) -> None:
    run = runs["prefork"]

    assert run.deployment.texts("cy") == ["Call me Cy."]
    (asked,) = [s for s in run.collector.spans("process remember") if not s.parent_id]
    assert asked.links == ()


def test_each_request_of_a_session_leads_to_its_extraction(runs: dict[str, Run]) -> None:
    run = runs["prefork"]
    first, *others = (f"turn {number}" for number in range(1, 4))

    session = run.only(first, "process session")
    assert {trace for trace, _ in session.links} == {trace_id(run.requests[o]) for o in others}
    for other in others:
        link = run.only(other, "process session").links
        assert link == ((trace_id(run.requests[first]), session.span_id),)


def test_batch_links_to_the_first_sixteen_of_its_requests(runs: dict[str, Run]) -> None:
    batches = runs["prefork"].collector.spans("process events")

    assert max(len(batch.links) for batch in batches) == 16


def test_request_that_is_not_recorded_leaves_no_trace_of_its_session(runs: dict[str, Run]) -> None:
    run = runs["prefork"]

    assert run.deployment.texts("eli")
    assert run.spans("unrecorded") == []
    assert all(session.parent_id for session in run.collector.spans("process session"))


@pytest.mark.parametrize(("pool", "captured"), [("recycled", False), ("threads", True)])
def test_texts_and_ids_stand_in_spans_only_where_that_was_asked_for(
    runs: dict[str, Run], pool: str, captured: bool
) -> None:
    run = runs[pool]

    (chat, *_) = run.spans("talk", "chat ")
    assert (SECRET_WORD in run.told()) is captured
    assert (run.user in run.told()) is captured
    assert ("gen_ai.output.messages" in chat.attributes) is captured


def test_collector_that_is_away_holds_up_nothing_and_its_address_is_not_logged(
    runs: dict[str, Run],
) -> None:
    run = runs["away"]
    (worker,) = run.deployment.workers

    assert run.deployment.texts(run.user)
    assert '"event": "traces.lost"' in worker.output
    assert "key-of-mine" not in worker.output


def test_recall_is_a_span_of_the_agent_that_asks(runs: dict[str, Run]) -> None:
    collector = runs["prefork"].collector

    (answer,) = collector.spans("answer")
    (recalled,) = collector.spans("search_memory", answer.trace_id)
    (embedded,) = collector.spans("embeddings ", answer.trace_id)
    assert recalled.parent_id == answer.span_id
    assert recalled.attributes["gen_ai.memory.record.count"] == 0
    assert SECRET_WORD not in str(recalled.attributes)
    assert embedded.parent_id == recalled.span_id


def test_trace_of_a_request_over_http_leads_on_to_what_it_asked_for(runs: dict[str, Run]) -> None:
    run = runs["prefork"]
    published, recalled = run.requests["/v1/events"], run.requests["/v1/recall"]

    assert run.only("/v1/events", "process session").parent_id == span_id(published)
    assert run.only("/v1/events", "process delete_memory").parent_id == span_id(published)
    assert run.only("/v1/events", "searchable")
    assert run.only("/v1/recall", "search_memory").parent_id == span_id(recalled)


def test_trace_of_a_models_tool_leads_on_to_what_it_asked_for(runs: dict[str, Run]) -> None:
    run = runs["prefork"]

    tool = run.only("/mcp", "tools/call add_memory")
    assert tool.parent_id == span_id(run.requests["/mcp"])
    assert run.only("/mcp", "process remember").parent_id == tool.span_id
    assert run.only("/mcp", "searchable")
