"""`memory-worker metrics`, running, and what Prometheus reads of it."""

import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from devtools.child import Child
from devtools.commands import CommandChild

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
# Replaced after a few tasks, so that counts come from many processes; started anew after a kill.
RECYCLED = {"pool": "prefork", "supervised": True, "options": ("--max-tasks-per-child", "3")}


@contextmanager
def metrics_server(environment: Mapping[str, str]) -> Iterator[Child]:
    variables = {**os.environ, **environment}
    server = CommandChild(
        "metrics", ["metrics", "--port", "0"], ready="^ready ", environment=variables
    )
    server.wait_ready()
    yield server
    assert server.stop() == 0


def text_of(server: Child) -> str:
    with urllib.request.urlopen(server.wait_ready().split()[1]) as answer:
        return str(answer.read().decode())


def scraped(server: Child) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text_of(server))
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """Of all series with these labels."""
    named = ((has, n) for (each, has), n in samples.items() if each == f"memory_worker_{name}")
    return sum(n for has, n in named if labels.items() <= has)
