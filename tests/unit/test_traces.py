"""Which trace an event says it is from, what of it waits with a session, and where spans go."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk import environment_variables as known
from redis import Redis
from structlog.testing import capture_logs

from tablestore_memory.producer import Publisher
from tablestore_memory.protocol.events import MAX_EVENT_BYTES, Event, Message, SessionEnd, decode
from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.protocol.traces import current_traceparent
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.sessions.activity import record, sessions_of
from tablestore_memory.worker.sessions.due import DuePolicy, DueSessions
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.tracing import content, provider, sending, spans
from tablestore_memory.worker.tracing.provider import Traces, wanted
from tests.documents import table, words_in_code
from tests.in_trace import in_trace

PATIENT = DuePolicy(idle_ms=3_600_000, max_messages=1_000, max_tokens=10**6, max_wait_ms=3_600_000)


# At publishing


@pytest.fixture
def publisher(redis_url: str, fresh_name: str) -> Iterator[Publisher]:
    with Publisher(redis_url, prefix=fresh_name, partitions=1, durability="memory") as publisher:
        yield publisher


def bodies(publisher: Publisher, redis: Redis) -> list[bytes]:
    """Of all events in the stream, in order."""
    assert publisher.flush()
    entries: Any = redis.xrange(Streams(publisher.settings.prefix, 1).events(0))
    return [fields[EVENT_FIELD.encode()] for _, fields in entries]


def published(publisher: Publisher, redis: Redis) -> list[Event]:
    return [decode(body) for body in bodies(publisher, redis)]


def test_every_kind_of_event_names_the_span_in_which_it_was_published(
    publisher: Publisher, redis: Redis
) -> None:
    end = SessionEnd(event_id="e", user_id="u", session_id="s", created_at=1)

    with in_trace() as request:
        publisher.message(user_id="u", session_id="s", role="user", content="Tea")
        publisher.message(user_id="u", session_id="s", role="user", content="Tea", name="Ana")
        publisher.remember(user_id="u", text="Tea")
        publisher.publish(end)

    events = published(publisher, redis)
    assert [event.traceparent for event in events] == [request] * 4


def test_event_published_outside_of_a_span_names_none(publisher: Publisher, redis: Redis) -> None:
    publisher.message(user_id="u", session_id="s", role="user", content="Tea")

    (event,) = published(publisher, redis)

    assert event.traceparent is None


def test_trace_that_is_not_recorded_is_named_as_such(publisher: Publisher, redis: Redis) -> None:
    with in_trace(sampled=False) as request:
        publisher.message(user_id="u", session_id="s", role="user", content="Tea")

    (event,) = published(publisher, redis)

    assert event.traceparent == request
    assert request.endswith("-00")


def test_trace_that_a_line_names_itself_stays(publisher: Publisher, redis: Redis) -> None:
    with in_trace() as named:
        pass
    line = {"type": "remember", "user_id": "u", "text": "Tea", "traceparent": named}

    with in_trace():
        publisher.publish(line)

    (event,) = published(publisher, redis)
    assert event.traceparent == named


def test_event_of_the_largest_size_is_not_made_larger(publisher: Publisher, redis: Redis) -> None:
    line = {"type": "remember", "user_id": "u", "event_id": "e", "created_at": 1, "text": ""}
    publisher.publish({**line, "text": "x"})
    size = len(bodies(publisher, redis)[0]) - 1

    with in_trace():
        publisher.publish({**line, "text": "x" * (MAX_EVENT_BYTES - size)})

    assert published(publisher, redis)[-1].traceparent is None


def test_span_that_cannot_tell_its_trace_keeps_nothing_from_being_published(
    publisher: Publisher, redis: Redis
) -> None:
    class Odd(trace.NonRecordingSpan):
        def get_span_context(self) -> trace.SpanContext:
            raise RuntimeError

    with trace.use_span(Odd(trace.INVALID_SPAN_CONTEXT)):
        publisher.message(user_id="u", session_id="s", role="user", content="Tea")

    assert len(published(publisher, redis)) == 1


def test_trace_that_somebody_names_is_the_current_one_where_there_is_none() -> None:
    with spans.within(traceparent(1)):
        named = current_traceparent()
    with in_trace() as request, spans.within(traceparent(1)):
        own = current_traceparent()
    with spans.within(traceparent(0)):
        none = current_traceparent()

    assert (named, own, none) == (traceparent(1), request, None)


# While it waits


def message(number: int, traceparent: str | None) -> Message:
    return Message(
        event_id=f"e{number}",
        message_id=f"m{number}",
        user_id="u",
        session_id="s",
        role="user",
        created_at=number,
        traceparent=traceparent,
    )


def traceparent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"


class Place:
    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis, self.streams = redis, state_streams(prefix)

    def comes(self, *traces: str | None) -> None:
        """A batch with a message of each trace."""
        found = sessions_of((b"{}", message(number, each)) for number, each in enumerate(traces, 1))
        record(self.redis, self.streams, found, PATIENT)

    def begun(self) -> list[str]:
        waiting = DueSessions(self.redis, self.streams).begin("u", "s")
        assert waiting
        return waiting.traces

    def traced(self) -> int:
        """How many memories of the user keep a trace."""
        partition = self.streams.partition("u")
        return int(self.redis.hlen(Keys(self.streams).traced(partition)))


@pytest.fixture
def place(redis: Redis, fresh_name: str) -> Place:
    return Place(redis, fresh_name)


def test_session_waits_with_the_traces_of_its_messages_each_once(place: Place) -> None:
    place.comes(traceparent(1), None, traceparent(2))
    place.comes(traceparent(2), traceparent(3))

    assert place.begun() == [traceparent(1), traceparent(2), traceparent(3)]


def test_what_a_lost_extraction_had_taken_comes_first(place: Place) -> None:
    place.comes(traceparent(1))
    place.begun()
    place.comes(traceparent(2))

    assert place.begun() == [traceparent(1), traceparent(2)]


def test_only_so_many_traces_wait(place: Place) -> None:
    for number in range(1, 30):
        place.comes(traceparent(number))

    assert place.begun() == [traceparent(number) for number in range(1, 17)]


def test_of_traces_that_are_not_recorded_only_a_first_one_waits(place: Place) -> None:
    place.comes(*(traceparent(number, "00") for number in range(1, 30)))
    place.comes(traceparent(30))

    assert place.begun() == [traceparent(1, "00"), traceparent(30)]


@pytest.mark.parametrize(
    "text",
    ["", "x", "ff" + traceparent(1)[2:], traceparent(0), traceparent(1).upper() + "Z", "\n" * 55],
)
def test_text_that_names_no_trace_counts_for_nothing(place: Place, text: str) -> None:
    place.comes(text)

    assert place.begun() == []


# While it is not searchable


def test_written_memory_keeps_its_trace_until_it_is_announced(place: Place) -> None:
    unindexed = UnindexedMemories(place.redis, place.streams)
    with in_trace() as request:
        unindexed.add("u", ["one"])
    unindexed.add("u", ["two"])

    announced = [unindexed.searchable(MemoryRef("u", each)) for each in ("one", "two")]

    assert [each and each.traceparent for each in announced] == [request, None]
    assert place.traced() == 0


def test_forgotten_memory_leaves_no_trace(place: Place) -> None:
    unindexed = UnindexedMemories(place.redis, place.streams)
    with in_trace():
        unindexed.add("u", ["one"])
    assert place.traced() == 1

    unindexed.forget([MemoryRef("u", "one")])

    assert place.traced() == 0
    assert unindexed.searchable(MemoryRef("u", "one")) is None


# Where spans go


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "mine"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_traces_are_sent_where_the_environment_says_so(
    environ: dict[str, str], expected: bool
) -> None:
    assert wanted(environ) is expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_way_that_is_not_supported_is_told_by_the_variable_without_its_value(
    variable: str, value: str
) -> None:
    with capture_logs() as logs:
        Traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", variable: value}).begin()

    (told,) = logs
    assert told["event"] == "traces.off"
    assert variable in told["reason"]
    assert value not in told["reason"]


def test_variable_that_opentelemetry_refuses_keeps_no_worker_from_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")  # less than it sends at once

    with capture_logs() as logs:
        Traces({"OTEL_TRACES_EXPORTER": "otlp"}).begin()

    (told,) = logs
    assert told["reason"] == "OpenTelemetry refuses its variables: ValueError"


def run(code: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


BLOCKED = "import sys; sys.modules['opentelemetry'] = None\n"


def test_all_of_it_works_where_opentelemetry_is_not_installed() -> None:
    out = run(
        BLOCKED
        + """
from tablestore_memory import Publisher, Recall
import tablestore_memory.worker.app
from tablestore_memory.worker.tracing import spans
from tablestore_memory.worker.tracing.provider import Traces

with Publisher("redis://127.0.0.1:1/0", durability="memory", exit_timeout_s=0) as memory:
    memory.message(user_id="u", session_id="s", role="user", content="Tea")
traces = Traces({"OTEL_TRACES_EXPORTER": "otlp"})
traces.begin()
with spans.going_on("x", ["y"]), spans.span("z") as note:
    note({})
spans.ended("w", parent="y", after_ms=1)
traces.end()
"""
    )

    assert "traces.off" in out
    assert "extra 'otel'" in out


def test_nothing_of_opentelemetry_is_imported_by_what_only_may_need_it() -> None:
    # Not `producer` or `recall`: redis-py imports what there is of it.
    out = run(
        """
import sys
from tablestore_memory.protocol import traces
from tablestore_memory.worker.tracing import calls, content, provider, spans

traces.traced(b"{}")
with calls.model_call("chat", "m", {}):
    pass
provider.Traces({}).begin()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    )

    assert out.strip() == "[]"


# Documents


def test_documented_variables_are_those_that_are_read() -> None:
    documented = [word for row in table("traces.md", "variable") for word in words_in_code(row[0])]

    ours = {
        provider.DISABLED,
        provider.EXPORTER,
        *provider.ENDPOINTS,
        *provider.PROTOCOLS,
        *sending.TIMEOUTS,
        content.CAPTURE,
    }
    assert ours <= set(documented)
    assert set(documented) - {content.CAPTURE, provider.EXPORTER} <= set(vars(known)) | ours


def test_documented_spans_are_those_there_are() -> None:
    documented = [words_in_code(row[0])[0] for row in table("traces.md", "span")]

    named = [spans.STORE, spans.EXTRACT, spans.REQUEST, spans.APPLY, spans.SEARCHABLE, spans.RECALL]
    assert set(documented) == {*named, "{operation} {model}"}
