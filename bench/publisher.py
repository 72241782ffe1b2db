"""What publishing costs the caller, beside other ways to hand over an event, all in one run.

    python bench/publisher.py [--events 20000] [--markdown]

Needs the extra `bench` (posthog, opentelemetry-sdk). All sinks are local: a Redis of its own, and an
HTTP server in another process for PostHog. A contender whose package is missing is left out by name.
Each publishes the same 350 characters; p50 and p99 are of single calls in the caller's thread while
the background thread works; drained is all events by the time from the first call to the last
acknowledgement.
"""

import argparse
import contextlib
import importlib.util
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from bench.sink import sink
from devtools.servers import Server
from tablestore_memory.producer import Publisher

TEXT = "x" * 350
SESSIONS = 50


@dataclass
class Figures:
    name: str
    p50_us: float
    p99_us: float
    worst_us: float
    drained_per_s: float


@dataclass
class Contender:
    """One call hands over an event; `drain` returns when all have arrived."""

    call: Callable[[int], object]
    drain: Callable[[], object] = lambda: None
    share: float = 1.0
    """Of the events: slow ones publish fewer."""


Opened = contextlib.AbstractContextManager[Contender]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="the median one is shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        start = Server.start("redis", "--dir", directory, "--appendonly", "no")
        with start as server, sink() as sink_url:
            contenders: dict[str, Callable[[], Opened]] = {
                "Publisher, journal": lambda: publisher(server.url, directory, "journal"),
                "Publisher, journal, a dict": lambda: published_dict(server.url, directory),
                "Publisher, memory": lambda: publisher(server.url, directory, "memory"),
                "XADD, one by one": lambda: single_xadd(server.url),
                "XADD, pipelines of 100": lambda: pipelined_xadd(server.url),
                "Celery send_task": lambda: celery_task(server.url),
                "PostHog capture": lambda: posthog_capture(sink_url),
                "OpenTelemetry span, batched": otel_span,
            }
            print_table([measured(name, open_, options) for name, open_ in contenders.items()])


def measured(name: str, open_: Callable[[], Opened], options: argparse.Namespace) -> Figures:
    """The median round by drained events/s; each begins with a fresh client that is warmed up."""
    needed = {"PostHog": "posthog", "OpenTelemetry": "opentelemetry.sdk"}.get(name.split()[0])
    if needed and not _installed(needed):
        return Figures(f"{name} (not installed)", 0, 0, 0, 0)
    rounds = [one_round(name, open_, options.events) for _ in range(options.rounds)]
    return statistics.median_low(_Ordered.of(rounds)).figures


@dataclass(order=True)
class _Ordered:
    drained_per_s: float
    figures: Figures

    @staticmethod
    def of(rounds: list[Figures]) -> "list[_Ordered]":
        return [_Ordered(one.drained_per_s, one) for one in rounds]


def one_round(name: str, open_: Callable[[], Opened], events: int) -> Figures:
    with open_() as contender:
        count = int(events * contender.share)
        for number in range(min(count, 500)):
            contender.call(number)
        contender.drain()
        times = []
        begin = time.perf_counter()
        for number in range(count):
            before = time.perf_counter_ns()
            contender.call(number)
            times.append(time.perf_counter_ns() - before)
        contender.drain()
        took = time.perf_counter() - begin
    times.sort()
    at = [times[int(count * share)] / 1000 for share in (0.5, 0.99)]
    return Figures(name, at[0], at[1], times[-1] / 1000, count / took)


@contextlib.contextmanager
def publisher(url: str, directory: str, durability: Any) -> Iterator[Contender]:
    journal_dir = str(Path(directory) / "journal")
    with Publisher(
        url, durability=durability, journal_dir=journal_dir, queue_events=1_000_000
    ) as memory:
        yield Contender(
            lambda n: memory.message(
                user_id="u1", session_id=f"s{n % SESSIONS}", role="user", content=TEXT
            ),
            lambda: memory.flush(120),
        )


@contextlib.contextmanager
def published_dict(url: str, directory: str) -> Iterator[Contender]:
    journal_dir = str(Path(directory) / "journal")
    with Publisher(url, journal_dir=journal_dir, queue_events=1_000_000) as memory:

        def call(number: int) -> None:
            whose = {"type": "message", "user_id": "u1", "session_id": f"s{number % SESSIONS}"}
            memory.publish({**whose, "role": "user", "content": TEXT})

        yield Contender(call, lambda: memory.flush(120))


def event_fields(number: int) -> dict[Any, Any]:
    return {"event": f'{{"session_id": "s{number % SESSIONS}", "content": "{TEXT}"}}'}


@contextlib.contextmanager
def single_xadd(url: str) -> Iterator[Contender]:
    with redis.Redis.from_url(url) as client:
        yield Contender(lambda n: client.xadd("bench:single", event_fields(n)), share=0.25)


@contextlib.contextmanager
def pipelined_xadd(url: str) -> Iterator[Contender]:
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipeline:

        def call(number: int) -> None:
            pipeline.xadd("bench:pipelined", event_fields(number))
            if number % 100 == 99:
                pipeline.execute()

        yield Contender(call, pipeline.execute)


@contextlib.contextmanager
def celery_task(url: str) -> Iterator[Contender]:
    from celery import Celery

    app = Celery(broker=url, set_as_current=False)
    app.conf.task_ignore_result = True
    yield Contender(lambda n: app.send_task("ingest", args=[f"s{n % SESSIONS}", TEXT]), share=0.1)
    app.close()


@contextlib.contextmanager
def posthog_capture(sink_url: str) -> Iterator[Contender]:
    from posthog import Posthog

    client = Posthog("key", host=sink_url, max_queue_size=10**6, gzip=False)
    yield Contender(
        lambda n: client.capture("m", distinct_id=f"s{n % SESSIONS}", properties={"text": TEXT}),
        client.flush,
        share=0.25,
    )
    client.shutdown()


@contextlib.contextmanager
def otel_span() -> Iterator[Contender]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider = TracerProvider(shutdown_on_exit=False)
    processor = BatchSpanProcessor(InMemorySpanExporter(), max_queue_size=10**6)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("bench")

    def call(number: int) -> None:
        attributes = {"session": f"s{number % SESSIONS}", "text": TEXT}
        tracer.start_span("message", attributes=attributes).end()

    yield Contender(call, processor.force_flush, share=0.5)
    provider.shutdown()


def _installed(package: str) -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(package) is not None
    return False


def print_table(rows: list[Figures]) -> None:
    base = rows[0]
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    print("| way | p50 µs | p99 µs | worst µs | × p50 of ours | drained events/s |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        ratio = f"{row.p50_us / base.p50_us:.1f}" if row.p50_us else "–"
        print(
            f"| {row.name} | {row.p50_us:.1f} | {row.p99_us:.0f} | {row.worst_us:.0f} "
            f"| {ratio} | {row.drained_per_s:,.0f} |"
        )


if __name__ == "__main__":
    main()
