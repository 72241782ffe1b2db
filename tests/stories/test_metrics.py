"""Metrics beside the truth: what workers counted equals the rows, letters and calls, whatever ended meanwhile."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.metrics import metrics_server
from devtools.servers import wait_until
from tests.failures.ingesting import malformed
from tests.local_dashscope import LocalDashScope

SESSIONS, MESSAGES = 6, 20
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def deployment(
    redis_url: str, tablestore_url: str, dashscope_url: str
) -> Iterator[Deployment]:
    with Deployment(redis_url, tablestore_url, dashscope_url) as deployment:
        yield deployment


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Child]:
    with metrics_server(deployment.environment) as server:
        yield server


def scraped(server: Child) -> Samples:
    url = server.wait_ready().split()[1]
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """Of all series with these labels."""
    wanted = labels.items()
    found = [n for (each, has), n in samples.items() if each == f"memory_worker_{name}" and wanted <= has]
    return sum(found)


def conversation(user: str) -> list[dict[str, Any]]:
    return [said(user, user, n, f"I like dish number {n}.") for n in range(1, MESSAGES + 1)]
