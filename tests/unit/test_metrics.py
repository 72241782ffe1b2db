"""What log events add up to, how it comes to Redis once, and what Prometheus reads of it."""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping

import pytest
import structlog
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from structlog.types import EventDict

from devtools.servers import Server, wait_until
from tablestore_memory.worker.metrics.catalogue import CATALOGUE, FEEDS
from tablestore_memory.worker.metrics.counts import Counts
from tablestore_memory.worker.metrics.events import count
from tablestore_memory.worker.metrics.reporter import Reporter
from tablestore_memory.worker.metrics.tally import Series, Tally
from tablestore_memory.worker.operations.exposition import Exposition
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.telemetry import configure_logging
from tests.documents import table
from tests.unit.test_documents import logged

CHUNKS = "memory_worker_chunks_extracted_total"
APPLY = "memory_worker_apply_duration_seconds"
NEVER = 3600.0


@pytest.fixture
def keys(fresh_name: str) -> Keys:
    return Keys(state_streams(fresh_name))


@pytest.fixture
def configured() -> Iterator[None]:
    """Logging as it was before, afterwards."""
    yield
    structlog.reset_defaults()


def counted(*events: Mapping[str, object]) -> dict[Series, float]:
    tally = Tally()
    for event in events:
        count(tally, event)
    return tally.take()


def told(exposition: Exposition) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by its name and labels, as Prometheus reads them."""
    text = generate_latest(exposition.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# The catalogue


def test_documented_metrics_are_those_of_the_catalogue() -> None:
    documented = [tuple(row) for row in table("metrics.md", "metric")]

    assert documented == [
        (
            f"`{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels) or "–",
            metric.meaning,
        )
        for metric in CATALOGUE
    ]


def test_names_have_their_conventional_suffixes() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"memory_worker_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.kind != "histogram" or metric.name.endswith("_seconds"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_no_label_tells_of_a_person_or_what_was_said() -> None:
    labels = {label for metric in CATALOGUE for label in metric.labels}

    assert labels == {
        *("outcome", "stage", "queue", "error", "task", "reason", "operation"),
        *("model", "purpose", "type", "action", "request", "what"),
    }


def test_metrics_are_fed_by_events_and_fields_that_the_code_logs() -> None:
    events = logged("server") | logged("worker")

    for event, feeds in FEEDS.items():
        for metric, feed in feeds:
            wanted = {*feed.by.values(), *filter(None, [feed.amount])} - {"task"}
            assert event in events, event
            assert wanted <= events[event] or "…" in events[event], (metric.name, event)
            assert set(metric.labels) <= {*feed.by, *feed.fixed}, (metric.name, event)


# Counting


def test_event_adds_to_the_metrics_that_it_feeds() -> None:
    amounts = counted({"event": "session.extracted", "facts": 3, "apply_ms": 1500.0})

    assert amounts == {
        Series(CHUNKS): 1,
        Series("memory_worker_facts_found_total"): 3,
        Series(APPLY, (), "sum"): 1.5,
        Series(APPLY, (), "2.5"): 1,
    }


def test_field_that_maps_reasons_to_amounts_counts_each_of_them() -> None:
    amounts = counted({"event": "facts.dropped", "facts": 3, "reasons": {"no quote": 2, "long": 1}})

    name = "memory_worker_facts_dropped_total"
    assert amounts == {Series(name, ("no quote",)): 2, Series(name, ("long",)): 1}


@pytest.mark.parametrize("event", [{}, {"event": "session.extracted", "facts": "3"}, {"event": 1}])
def test_event_that_is_not_as_it_should_be_ends_nothing(event: dict[str, object]) -> None:
    assert Series("memory_worker_facts_found_total") not in counted(event)


def test_label_that_takes_ever_new_values_becomes_other() -> None:
    amounts = counted(
        *({"event": "store.failed", "operation": "x", "error": f"E{n}"} for n in range(500))
    )

    assert len(amounts) == 201
    assert amounts[Series("memory_worker_store_errors_total", ("other", "other"))] == 300


def test_event_below_the_level_is_counted_and_not_logged(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def count(_: object, __: str, event: EventDict) -> EventDict:
        seen.append(event["event"])
        return event

    configure_logging("WARNING", "json", count=count)
    log = structlog.get_logger()

    log.debug("store.called", operation="x")
    log.warning("index.behind", memories=1)

    assert seen == ["store.called", "index.behind"]
    assert "store.called" not in (printed := capsys.readouterr().err)
    assert "index.behind" in printed


def test_id_in_a_line_of_the_log_moves_no_cursor_and_begins_no_line(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "é\x9b2J\x7f\x85\u2028\x1b[2J\n{}"
    configure_logging("WARNING", "json")

    structlog.get_logger().warning("session.failed", session_id=hostile)

    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 1
    assert {each for each in printed if not each.isprintable()} == {"\n"}
    assert json.loads(printed)["session_id"] == hostile


# On the way to Redis


def test_report_whose_answer_was_lost_counts_once(redis: Redis, keys: Keys) -> None:
    counts = Counts(redis, keys)

    applied = [counts.add("worker", number, {Series(CHUNKS): 2.5}) for number in (1, 1, 2)]

    assert applied == [True, False, True]
    assert counts.read().amounts == {Series(CHUNKS): 5}


def test_counts_that_redis_cannot_take_are_told_when_it_is_back(keys: Keys) -> None:
    with Server.start("redis") as server, Redis.from_url(server.url) as redis:
        reporter = Reporter(lambda: redis, keys, NEVER)
        reporter(None, "info", {"event": "session.extracted"})
        server.stop()

        while_away = reporter.report()
        reporter(None, "info", {"event": "session.extracted"})
        server.restart()
        reporter.end()

        assert while_away is False
        assert Counts(redis, keys).read().amounts[Series(CHUNKS)] == 2


def test_counts_are_reported_by_themselves(redis: Redis, keys: Keys) -> None:
    reporter = Reporter(lambda: redis, keys, 0.01)

    reporter(None, "info", {"event": "session.extracted"})

    wait_until(lambda: Counts(redis, keys).read().amounts.get(Series(CHUNKS)) == 1, "the report")


def test_child_of_a_fork_counts_for_itself(redis_url: str, keys: Keys) -> None:
    reporter = Reporter(lambda: Redis.from_url(redis_url), keys, NEVER)
    reporter(None, "info", {"event": "session.extracted"})

    if not (pid := os.fork()):
        reporter(None, "info", {"event": "session.extracted"})
        reporter.end()
        os._exit(0)
    os.waitpid(pid, 0)
    reporter(None, "info", {"event": "session.extracted"})
    reporter.end()

    with Redis.from_url(redis_url) as redis:
        assert Counts(redis, keys).read().amounts[Series(CHUNKS)] == 3


def test_threads_count_together(redis: Redis, keys: Keys) -> None:
    reporter = Reporter(lambda: redis, keys, 0.001)
    threads = [
        threading.Thread(
            target=lambda: [reporter(None, "", {"event": "session.extracted"}) for _ in range(2000)]
        )
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.end()

    assert Counts(redis, keys).read().amounts[Series(CHUNKS)] == 8000


# What Prometheus reads


def test_exposition_has_counters_histograms_and_the_state(redis: Redis, keys: Keys) -> None:
    first, second = (counted({"event": "session.extracted", "apply_ms": ms}) for ms in (200, 700))
    Counts(redis, keys).add("one", 1, first)
    Counts(redis, keys).add("other", 1, second)

    samples = told(Exposition(redis, keys))

    assert samples[CHUNKS, ()] == 2
    assert samples[f"{APPLY}_sum", ()] == pytest.approx(0.9)
    assert samples[f"{APPLY}_count", ()] == 2
    assert samples[f"{APPLY}_bucket", (("le", "0.25"),)] == 1
    assert samples[f"{APPLY}_bucket", (("le", "1.0"),)] == 2
    assert samples[f"{APPLY}_bucket", (("le", "+Inf"),)] == 2
    assert samples["memory_worker_redis_up", ()] == 1
    assert samples["memory_worker_waiting", (("stage", "events"),)] == 0


def test_counter_stands_still_where_redis_lost_the_last_moment(redis: Redis, keys: Keys) -> None:
    counts, exposition = Counts(redis, keys), Exposition(redis, keys)
    field = b'["memory_worker_chunks_extracted_total",[],""]'
    counts.add("worker", 1, {Series(CHUNKS): 10})
    before = told(exposition)[CHUNKS, ()]

    redis.hset(keys.counted(), field, 8)
    behind = told(exposition)[CHUNKS, ()]
    redis.hset(keys.counted(), field, 12)

    assert (before, behind, told(exposition)[CHUNKS, ()]) == (10, 10, 12)


def test_counters_begin_anew_where_redis_lost_all_and_say_so(redis: Redis, keys: Keys) -> None:
    counts, exposition = Counts(redis, keys), Exposition(redis, keys)
    counts.add("worker", 1, {Series(CHUNKS): 10})
    before = told(exposition)

    redis.delete(keys.counted())
    wait_until(lambda: counts.add("next", 1, {}) and redis.time(), "a later moment")
    redis.hset(keys.counted(), "since", int(redis.hget(keys.counted(), "since") or 0) + 1000)
    counts.add("next", 2, {Series(CHUNKS): 1})
    after = told(exposition)

    since = ("memory_worker_counting_since_timestamp_seconds", ())
    assert (before[CHUNKS, ()], after[CHUNKS, ()]) == (10, 1)
    assert after[since] > before[since]


def test_exposition_of_a_redis_that_is_away_says_so(keys: Keys) -> None:
    with Redis.from_url("redis://127.0.0.1:1") as away:
        samples = told(Exposition(away, keys))

    assert samples == {("memory_worker_redis_up", ()): 0}
