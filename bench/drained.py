"""What one process drains, without Celery around it: one drain after the other, or several at once in threads."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from bench.codecs import CODECS, using
from devtools.deployment import Deployment
from devtools.faults import Faults
from tablestore_memory.worker.ingest.drain import Ingest
from tablestore_memory.worker.services import Services

Result = dict[str, Any]
Prefill = Callable[[int, str], None]


class NullStore:
    """Takes every row and answers at once: what is left is the worker's own share."""

    def batch_write_row(self, request: object) -> object:
        return SimpleNamespace(table_of_put={}, table_of_update={}, table_of_delete={})


def figures(events: int, wall_s: float, cpu_s: float, **more: Any) -> Result:
    return {
        "events": events,
        "events_per_s": round(events / wall_s),
        "cpu_us_per_event": round(cpu_s / events * 1e6, 1),
        **more,
    }


def in_this_process(count: int, work: Callable[[], Any]) -> Result:
    began, cpu_s = time.monotonic(), time.process_time()
    work()
    return figures(count, time.monotonic() - began, time.process_time() - cpu_s)


def services_with(deployment: Deployment, codec: str) -> Services:
    """Clients of their own."""
    with using(codec):
        services = Services(deployment.settings)
        services.make_all()
        return services


def into_nothing(deployment: Deployment, codec: str, count: int, prefill: Prefill) -> Result:
    """The worker's own share of an event."""
    ingest = services_with(deployment, codec).ingest
    ingest = replace(ingest, client=NullStore())
    for run, events in (("warm", count // 10), ("nothing", count)):
        prefill(events, run)
        result = in_this_process(events, lambda: drain_all(deployment, ingest))
    return result


def from_a_slow_store(
    deployment: Deployment,
    store_url: str,
    delay_s: float,
    at_once: int,
    count: int,
    prefill: Prefill,
) -> Result:
    """The store takes so long for each request; so many partitions are drained at a time."""
    ingest = services_with(deployment, CODECS[0]).ingest
    prefill(count, f"slow-{delay_s}-{at_once}")
    with Faults(store_url).during("latency", operation="BatchWriteRow", seconds=delay_s):
        drained = in_this_process(count, lambda: drain_all(deployment, ingest, at_once))
    return {"store_ms": round(delay_s * 1000), "at_once": at_once, **drained}


def drain_all(deployment: Deployment, ingest: Ingest, at_once: int = 1) -> None:
    """Turn after turn, until nothing waits in any partition."""

    def drain(partition: int) -> None:
        while ingest.drain(partition):
            pass

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(drain, range(deployment.settings.partitions)))
