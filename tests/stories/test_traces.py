"""One trace leads from an agent's request to the memory that can be searched, whatever processes do the work."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import wait_until
from tests.collector import Collector, Received
from tests.in_trace import in_trace, span_id, trace_id

SECRET_WORD = "kayaking"
POOLS: dict[str, dict[str, Any]] = {
    "prefork": {},
    "recycled": {"options": ("--max-tasks-per-child", "1")},
    "threads": {"pool": "threads", "concurrency": 4},
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def traced_deployment(
    redis_url: str, tablestore_url: str, dashscope_url: str, collector: Collector, **more: str
) -> Deployment:
    return Deployment(redis_url, tablestore_url, dashscope_url, **collector.environment | more)


@pytest.fixture
def deployment(
    redis_url: str, tablestore_url: str, dashscope_url: str, collector: Collector
) -> Iterator[Deployment]:
    with traced_deployment(redis_url, tablestore_url, dashscope_url, collector) as deployment:
        yield deployment


def over(user: str) -> dict[str, Any]:
    return {"type": "session_end", "user_id": user, "session_id": user}


def stop(deployment: Deployment) -> None:
    """All workers end as they do when they are told to; what they have to send is sent."""
    for worker in deployment.workers:
        worker.stop()


def only(spans: list[Received]) -> Received:
    (span,) = spans
    return span


@pytest.mark.parametrize("pool", POOLS)
def test_one_trace_leads_from_a_request_to_the_searchable_memory(
    deployment: Deployment, collector: Collector, fresh_name: str, pool: str
) -> None:
    deployment.start_workers("", **POOLS[pool])

    with in_trace() as request:
        deployment.publish(
            said(fresh_name, fresh_name, 1, f"I like {SECRET_WORD}."), over(fresh_name)
        )
    deployment.wait()
    stop(deployment)

    trace = trace_id(request)
    session = only(collector.spans("process session", trace))
    apply = only(collector.spans("upsert_memory", trace))
    searchable = only(collector.spans("searchable", trace))
    assert session.parent_id == span_id(request)
    assert apply.parent_id == session.span_id
    assert searchable.parent_id == apply.span_id
    assert searchable.duration_ms > 0
    assert apply.attributes["gen_ai.memory.record.count"] == 1
    calls = [*collector.spans("chat ", trace), *collector.spans("embeddings ", trace)]
    assert {call.parent_id for call in calls} == {session.span_id}
    assert {call.attributes["gen_ai.operation.name"] for call in calls} == {"chat", "embeddings"}
    for call in calls:
        assert call.attributes["gen_ai.provider.name"] == "dashscope"
        assert call.name.endswith(call.attributes["gen_ai.request.model"])
        assert call.attributes["gen_ai.usage.input_tokens"] > 0
    batches = [b for b in collector.spans("process events") if b.links]
    assert {link for batch in batches for link in batch.links} == {(trace, span_id(request))}
    assert {span.service for span in collector.spans()} == {"memory-worker"}
    assert not any(span.failed for span in collector.spans("", trace))


def test_what_is_asked_for_by_name_is_traced_to_its_end(
    deployment: Deployment, collector: Collector, fresh_name: str
) -> None:
    deployment.start_workers("")

    with in_trace() as request:
        deployment.publish({"type": "remember", "user_id": fresh_name, "text": "Allergic to nuts."})
    other = {"type": "remember", "user_id": f"{fresh_name}-b", "text": "Call me Bo."}
    deployment.publish(other | {"traceparent": "names no trace"})
    deployment.wait()
    stop(deployment)

    trace = trace_id(request)
    assert only(collector.spans("process remember", trace)).parent_id == span_id(request)
    applied = only(collector.spans("upsert_memory", trace))
    assert only(collector.spans("searchable", trace)).parent_id == applied.span_id
    assert deployment.texts(f"{fresh_name}-b") == ["Call me Bo."]


def test_each_request_of_a_session_leads_to_its_extraction(
    deployment: Deployment, collector: Collector, fresh_name: str
) -> None:
    requests = []
    for number, text in enumerate(("I like chess.", "I like tea.", "I like rain."), 1):
        with in_trace() as request:
            deployment.publish(said(fresh_name, fresh_name, number, text))
        requests.append(request)

    deployment.start_workers("")
    deployment.wait()
    stop(deployment)

    first, *others = (trace_id(request) for request in requests)
    session = only(collector.spans("process session", first))
    assert {trace for trace, _ in session.links} == set(others)
    for trace in others:
        link = only(collector.spans("process session", trace)).links
        assert link == ((first, session.span_id),)


def test_request_that_is_not_recorded_leaves_no_trace_of_its_session(
    deployment: Deployment, collector: Collector, fresh_name: str
) -> None:
    deployment.start_workers("")

    with in_trace(sampled=False):
        deployment.publish(said(fresh_name, fresh_name, 1, "I like chess."))
    deployment.wait()
    stop(deployment)

    assert deployment.texts(fresh_name)
    assert {span.name for span in collector.spans()} == {"process events"}


@pytest.mark.parametrize("captured", [False, True])
def test_texts_and_ids_stand_in_spans_only_where_that_was_asked_for(
    redis_url: str,
    tablestore_url: str,
    dashscope_url: str,
    collector: Collector,
    fresh_name: str,
    captured: bool,
) -> None:
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": str(captured).lower()}
    with traced_deployment(
        redis_url, tablestore_url, dashscope_url, collector, **capture
    ) as deployment:
        deployment.start_workers("")
        deployment.publish(
            said(fresh_name, fresh_name, 1, f"I like {SECRET_WORD}."), over(fresh_name)
        )
        deployment.wait()
        stop(deployment)

    told = " ".join(str(value) for span in collector.spans() for value in span.attributes.values())
    chat = collector.spans("chat ")[0].attributes
    assert (SECRET_WORD in told) is captured
    assert (fresh_name in told) is captured
    assert ("gen_ai.output.messages" in chat) is captured


def test_collector_that_is_away_holds_up_nothing_and_its_address_is_not_logged(
    redis_url: str, tablestore_url: str, dashscope_url: str, fresh_name: str
) -> None:
    away = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9/key-of-mine",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    with Deployment(redis_url, tablestore_url, dashscope_url, **away) as deployment:
        (worker,) = deployment.start_workers("", pool="threads")
        deployment.publish(said(fresh_name, fresh_name, 1, "I like chess."))
        deployment.wait()
        worker.stop()

    assert deployment.texts(fresh_name)
    assert '"event": "traces.lost"' in worker.output
    assert "key-of-mine" not in worker.output


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


def test_recall_is_a_span_of_the_agent_that_asks(
    deployment: Deployment, collector: Collector, fresh_name: str
) -> None:
    environment = os.environ | deployment.environment | {"OTEL_SERVICE_NAME": "agent"}

    subprocess.run(
        [sys.executable, "-c", AGENT, fresh_name, SECRET_WORD], env=environment, check=True
    )

    answer = wait_until(lambda: collector.spans("answer"), "the agent's span came")[0]
    recalled = only(collector.spans("search_memory", answer.trace_id))
    assert recalled.parent_id == answer.span_id
    assert recalled.attributes["gen_ai.memory.record.count"] == 0
    assert SECRET_WORD not in str(recalled.attributes)
    assert only(collector.spans("embeddings ", answer.trace_id)).parent_id == recalled.span_id
