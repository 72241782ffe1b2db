"""Metrics beside the truth: what workers counted equals the rows and calls, whichever processes did the work."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.extraction import memory_rows, said
from tablestore_memory.worker.metrics.catalogue import CATALOGUE
from tests.local_dashscope import LocalDashScope
from tests.metrics import RECYCLED, metrics_server, scraped, text_of, total

USERS, MESSAGES = 4, 10


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Iterator[Deployment]:
    with Deployment(redis_url, tablestore_url, dashscope_url) as deployment:
        yield deployment


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Child]:
    with metrics_server(deployment.environment) as server:
        yield server


def conversation(user: str) -> list[dict[str, Any]]:
    return [said(user, user, n, f"I like dish number {n}.") for n in range(1, MESSAGES + 1)]


def test_counters_equal_calls_and_memories_over_restarts_and_recycled_processes(
    deployment: Deployment, server: Child, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    users = [f"{fresh_name}-{n}" for n in range(USERS)]
    deployment.start_workers("ingest", **RECYCLED | {"supervised": False})
    (first,) = deployment.start_workers("extract", pool="threads", concurrency=4)
    deployment.publish(*(line for user in users[:2] for line in conversation(user)))
    deployment.wait()

    first.stop()
    for worker in deployment.workers[:1]:
        worker.stop()
    deployment.start_workers("", pool="prefork", options=("--max-tasks-per-child", "5"))
    deployment.publish(*(line for user in users[2:] for line in conversation(user)))
    deployment.wait()
    deployment.workers[-1].stop()
    now, calls = scraped(server), local_dashscope.calls()

    memories = len(memory_rows(deployment))
    assert memories > 0
    assert total(now, "message_rows_total") == USERS * MESSAGES
    assert total(now, "memory_changes_total", action="added") == memories
    assert total(now, "facts_found_total") >= memories
    assert total(now, "index_lag_seconds_count") == memories
    answered = sum(n for name, n in calls["count"].items() if name.endswith(".200"))
    assert total(now, "qwen_call_duration_seconds_count") == answered
    for kind in ("input", "output"):
        used = sum(n for name, n in calls["tokens"].items() if name.endswith(kind))
        assert total(now, "qwen_tokens_total", type=kind) == used
    assert total(now, "starts_total") == len(deployment.workers)
    assert total(now, "store_call_duration_seconds_count", operation="batch_write_row") > 0


def test_served_text_has_the_type_and_meaning_of_every_metric(
    deployment: Deployment, server: Child
) -> None:
    text = text_of(server)

    served = {family.name: family for family in text_string_to_metric_families(text)}
    for metric in CATALOGUE:
        if family := served.pop(metric.name.removesuffix("_total"), None):
            assert (family.type, family.documentation) == (metric.kind, metric.meaning)
    assert served == {}


def test_metrics_are_served_on_this_machine_alone_unless_told(server: Child) -> None:
    assert server.wait_ready().startswith("ready http://127.0.0.1:")
