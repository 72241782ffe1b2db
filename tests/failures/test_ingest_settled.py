"""What becomes of a batch: stored, moved on, set aside, taken back; what is told of it, and when a turn ends."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, cast

import pytest
from redis.exceptions import ConnectionError as NoConnection
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Event, Forget, Remember, SessionEnd, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.failures.errors import Busy, LeaseLost, Throttled
from tablestore_memory.worker.ingest.drain import Ingest
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.entries import oldest
from tablestore_memory.worker.state.lease import Leases
from tests.failures.ingesting import append, dead, drain_all, malformed, message, texts, waiting
from tests.footprints import footprints


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


def publish(deployment: Deployment, raw: bytes, waited_ms: int) -> tuple[str, int]:
    """One that its publisher held for a while. Its entry's id, and when it was published."""
    key = deployment.services.streams.events(0)
    fields: Any = {EVENT_FIELD: raw, "waited_ms": waited_ms}
    entry = cast(bytes, deployment.services.redis.xadd(key, fields)).decode()
    return entry, int(entry.partition("-")[0]) - waited_ms


def after(ingest: Ingest, step: Literal["build", "write"], then: Callable[[], None]) -> Ingest:
    """One with which something happens right after a step of each batch."""
    do = getattr(ingest, step)

    def done(*arguments: Any) -> Any:
        result = do(*arguments)
        then()
        return result

    return replace(ingest, **{step: done})  # type: ignore[arg-type]


def take_lease(deployment: Deployment) -> None:
    """Another drain has it, and nobody has told its holder."""
    deployment.services.redis.set(deployment.services.streams.key(0, "lease"), "another")


def lose_lease(deployment: Deployment) -> None:
    """Another drain has it, and its holder has noticed."""
    take_lease(deployment)
    wait_until(
        lambda: all(thread.name != "renew leases" for thread in threading.enumerate()),
        "the loss noticed",
    )


def test_letter_tells_the_entry_as_it_came_why_and_when_it_was_received(
    deployment: Deployment, fresh_name: str
) -> None:
    raw = malformed(fresh_name, 1)
    append(deployment, 0, message(fresh_name, 0))
    entry, received_ms = publish(deployment, raw, waited_ms=5_000)

    with capture_logs() as logs:
        drain_all(deployment, 0)

    (letter,) = dead(deployment)
    assert (letter.event, letter.entry, letter.received_ms) == (raw, entry, received_ms)
    assert (letter.queue, letter.error) == ("ingest", "MalformedEvent")
    assert letter.reason.startswith("role: ")
    assert (letter.deliveries, letter.partition) == (1, 0)
    assert [line for line in logs if line["event"] == "event.dead"] == [
        {
            "event": "event.dead",
            "log_level": "warning",
            "entry_id": entry,
            "reason": letter.reason,
        }
    ]


def test_requests_move_on_with_when_they_were_received_and_nothing_else_does(
    deployment: Deployment, fresh_name: str
) -> None:
    ids: Any = {"event_id": fresh_name, "user_id": fresh_name, "created_at": 1}
    events: list[Event] = [
        Remember(text="Tea.", **ids),
        Forget(**ids),
        SessionEnd(session_id=fresh_name, **ids),
        message(fresh_name, 1),
    ]
    published = [publish(deployment, encode(event), waited_ms=5_000) for event in events]
    malformed_entry, _ = publish(deployment, malformed(fresh_name, 2), waited_ms=5_000)

    drain_all(deployment, 0)

    moved = oldest(deployment.services.redis, deployment.services.streams.key(0, "requests"), 10)
    assert [(entry.raw, entry.received_ms) for entry in moved] == [
        (encode(event), received_ms)
        for event, (_, received_ms) in zip(events[:2], published[:2], strict=True)
    ]
    assert waiting(deployment, 0) == 0
    assert deployment.services.due.waits(fresh_name, fresh_name)
    (letter,) = dead(deployment)
    assert (letter.entry, letter.event) == (malformed_entry, malformed(fresh_name, 2))


def test_what_was_forgotten_since_is_taken_off_unstored_and_told_as_a_number(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, message(fresh_name, 1), malformed(fresh_name, 2))
    append(deployment, 0, message(f"{fresh_name}-other", 3))
    deployment.services.tombstones.note(fresh_name, None, now_ms(deployment.services.redis))

    with capture_logs() as logs:
        left = deployment.services.ingest.drain(0)

    (line,) = logs
    duration_ms = line.pop("duration_ms")
    assert line == {
        "event": "batch.stored",
        "log_level": "info",
        "partition": 0,
        "entries": 1,
        "rows": 2,
        "refused": 0,
        "forgotten": 2,
        "again": False,
        "left": 0,
    }
    assert 0 < duration_ms < 60_000
    assert (left, waiting(deployment, 0), dead(deployment)) == (0, 0, [])
    assert texts(deployment, fresh_name) == []
    assert texts(deployment, f"{fresh_name}-other") == ["text 3"]


def test_batch_of_the_forgotten_alone_is_taken_off(deployment: Deployment, fresh_name: str) -> None:
    append(deployment, 0, message(fresh_name, 1))
    deployment.services.tombstones.note(fresh_name, None, now_ms(deployment.services.redis))

    deployment.services.ingest.drain(0)

    assert waiting(deployment, 0) == 0


def test_batch_that_was_taken_before_is_told_so(deployment: Deployment, fresh_name: str) -> None:
    append(deployment, 0, message(fresh_name, 1))
    broken = replace(deployment.services.ingest, write=raising(KeyError("gone")))
    with pytest.raises(KeyError):
        broken.drain(0)

    with capture_logs() as logs:
        drain_all(deployment, 0)

    assert [line["again"] for line in logs] == [True]


def raising(error: Exception) -> Any:
    def trouble(*_: Any, **__: Any) -> None:
        raise error

    return trouble


def with_clock(deployment: Deployment, batch_s: float) -> Ingest:
    """A drain by a clock on which each batch takes so long."""
    now = [0.0]

    def pass_time() -> None:
        now[0] += batch_s

    return after(replace(deployment.services.ingest, clock=lambda: now[0]), "write", pass_time)


@pytest.mark.parametrize(
    ("batch_s", "events", "left"),
    [
        (0.049, 250, 0),  # less than a batch is left, and time
        (0.05, 250, 51),
        (0.05, 399, 1),  # exactly one is left, then less
        (0.25, 1_000, 602),  # half a second is over
        (0.24, 1_000, 403),
    ],
)
def test_turn_ends_soon_or_later_if_full_batches_wait(
    deployment: Deployment,
    fresh_name: str,
    batch_s: float,
    events: int,
    left: int,
) -> None:
    append(deployment, 0, *(message(fresh_name, number) for number in range(events)))
    ingest = with_clock(deployment, batch_s)

    assert ingest.drain(0) == left
    assert waiting(deployment, 0) == left


def test_duration_of_a_batch_is_told_in_ms(deployment: Deployment, fresh_name: str) -> None:
    append(deployment, 0, message(fresh_name, 1))
    ingest = with_clock(deployment, 0.0437)

    with capture_logs() as logs:
        ingest.drain(0)

    assert [line["duration_ms"] for line in logs] == [43.7]


def test_empty_partition_is_drained_at_once(deployment: Deployment) -> None:
    assert deployment.services.ingest.drain(0) == 0


def test_drain_that_lost_its_lease_before_it_writes_writes_nothing(
    deployment: Deployment, fresh_name: str
) -> None:
    ingest = replace(deployment.services.ingest, leases=Leases(deployment.services.redis, 1_500))
    append(deployment, 0, message(fresh_name, 1))

    with pytest.raises(LeaseLost):
        after(ingest, "build", lambda: lose_lease(deployment)).drain(0)

    assert texts(deployment, fresh_name) == []
    assert waiting(deployment, 0) == 1


def test_drain_that_lost_its_lease_while_it_wrote_lets_no_session_wait(
    deployment: Deployment, fresh_name: str
) -> None:
    ingest = replace(deployment.services.ingest, leases=Leases(deployment.services.redis, 1_500))
    append(deployment, 0, message(fresh_name, 1))

    with pytest.raises(LeaseLost):
        after(ingest, "write", lambda: lose_lease(deployment)).drain(0)

    assert texts(deployment, fresh_name) == ["text 1"]  # as the next drain will write it again
    assert not deployment.services.due.waits(fresh_name, fresh_name)
    assert waiting(deployment, 0) == 1


def test_drain_that_lost_its_lease_takes_back_what_was_forgotten_meanwhile_and_nothing_else(
    deployment: Deployment, fresh_name: str
) -> None:
    gone, other = f"{fresh_name}-gone", f"{fresh_name}-other"
    append(deployment, 0, message(gone, 1), message(other, 1), message(gone, 2), b"{")

    def forgotten_meanwhile() -> None:
        deployment.services.tombstones.note(gone, None, now_ms(deployment.services.redis))
        take_lease(deployment)

    with pytest.raises(LeaseLost, match="lease"):
        after(deployment.services.ingest, "write", forgotten_meanwhile).drain(0)

    rows = footprints(deployment, gone)
    assert [row for row in rows if row.startswith(("message", "session"))] == []
    assert texts(deployment, other) == ["text 1"]
    assert [info.session_id for info in deployment.services.sessions.of_user(other)] == [other]
    assert (waiting(deployment, 0), dead(deployment)) == (4, [])


def test_row_written_anew_after_it_was_forgotten_is_not_taken_back(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, message(fresh_name, 1))

    def forgotten_and_published_again() -> None:
        services = deployment.services
        services.tombstones.note(fresh_name, None, now_ms(services.redis))
        moment_ms = now_ms(services.redis)
        wait_until(lambda: now_ms(services.redis) > moment_ms, "the clock has gone on")
        services.redis.delete(services.streams.key(0, "lease"))
        append(deployment, 0, message(fresh_name, 1, "text again"), message(fresh_name, 2))
        drain_all(deployment, 0)
        take_lease(deployment)

    with pytest.raises(LeaseLost):
        after(deployment.services.ingest, "write", forgotten_and_published_again).drain(0)

    assert texts(deployment, fresh_name) == ["text again", "text 2"]
    (session,) = deployment.services.sessions.of_user(fresh_name)
    assert session.update_time == message(fresh_name, 2).created_at


@pytest.mark.parametrize("error", [Busy("x"), NoConnection("x")])
def test_what_is_nobodys_fault_is_told_as_it_is_and_asks_nobody(
    deployment: Deployment, fresh_name: str, error: Exception
) -> None:
    append(deployment, 0, message(fresh_name, 1))
    asked = raising(Throttled("asked"))
    ingest = replace(deployment.services.ingest, write=raising(error), probe=asked)

    for _ in range(2):
        with pytest.raises(type(error)):
            ingest.drain(0)
    in_flight = deployment.services.redis.hgetall(deployment.services.streams.key(0, "in-flight"))

    assert b"failure" not in in_flight
    assert waiting(deployment, 0) == 1


def test_batches_are_whole_again_when_what_was_taken_apart_is_settled(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, *(message(fresh_name, number) for number in range(4)))
    with pytest.raises(KeyError):
        replace(deployment.services.ingest, write=raising(KeyError("x"))).drain(0)
    ingest = replace(deployment.services.ingest, clock=lambda: 0.0)

    with capture_logs() as logs:
        ingest.drain(0)
        append(deployment, 0, *(message(fresh_name, number) for number in range(4, 10)))
        ingest.drain(0)

    assert [line["entries"] for line in logs] == [1, 1, 1, 1, 6]
    in_flight = deployment.services.streams.key(0, "in-flight")
    assert not deployment.services.redis.exists(in_flight)


def test_lone_entry_is_set_aside_with_how_often_it_was_tried_and_why(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, message(fresh_name, 1))
    for _ in range(2):
        with pytest.raises(KeyError):
            replace(deployment.services.ingest, write=raising(KeyError("my words"))).drain(0)

    deployment.services.ingest.drain(0)

    (letter,) = dead(deployment)
    reason = "2 tries of it alone failed, while the store answered: KeyError"
    assert (letter.reason, letter.error, letter.deliveries) == (reason, "KeyError", 3)
    assert waiting(deployment, 0) == 0


def test_lone_entry_is_not_set_aside_while_the_store_fails(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, message(fresh_name, 1))
    for _ in range(2):
        with pytest.raises(KeyError):
            replace(deployment.services.ingest, write=raising(KeyError("my words"))).drain(0)
    silent = replace(deployment.services.ingest, probe=raising(Throttled("slowly")))

    with pytest.raises(Exception, match="fails at something trivial too: slowly"):
        silent.drain(0)

    assert dead(deployment) == []
    drain_all(deployment, 0)
    assert texts(deployment, fresh_name) == ["text 1"]


def test_what_may_pass_is_tried_for_half_the_bound_before_it_is_set_aside(
    deployment: Deployment, fresh_name: str
) -> None:
    append(deployment, 0, message(fresh_name, 1))
    throttled = replace(deployment.services.ingest, write=raising(Throttled("slowly")))

    for _ in range(10):
        with pytest.raises(Throttled):
            throttled.drain(0)

    assert dead(deployment) == []
    assert waiting(deployment, 0) == 1
