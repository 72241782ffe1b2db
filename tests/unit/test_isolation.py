"""Whose fault a failure is, and how many chances an item has."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis
from redis.exceptions import BusyLoadingError as LoadingError
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import (
    DataError,
    OutOfMemoryError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.worker.failures.errors import (
    BadCredentials,
    InvalidRow,
    ServiceFails,
    Throttled,
    Unavailable,
)
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    ensure_item_is_to_blame,
    is_redis_away,
)
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import LEASE_TTL_MS
from tablestore_memory.worker.state.partitions import state_streams


@pytest.fixture
def log(redis_url: str) -> Iterator[AttemptLog]:
    with Redis.from_url(redis_url) as redis:
        yield AttemptLog(
            redis, Keys(state_streams(f"t{uuid.uuid4().hex[:8]}")).failed, first_s=2, longest_s=120
        )


def raises(error: Exception) -> None:
    raise error


def test_item_is_to_blame_when_the_service_answers() -> None:
    ensure_item_is_to_blame(KeyError("x"), lambda: None)


@pytest.mark.parametrize("answer", [Throttled("slow down"), Unavailable("no"), OSError("gone")])
def test_service_that_fails_at_something_trivial_too_pauses_everyone(answer: Exception) -> None:
    with pytest.raises(
        ServiceFails, match=r"fails at something trivial too: (slow down|no|OSError)"
    ):
        ensure_item_is_to_blame(KeyError("x"), lambda: raises(answer))


def test_service_that_says_why_it_refuses_everybody_is_believed() -> None:
    with pytest.raises(BadCredentials):
        ensure_item_is_to_blame(InvalidRow("bad"), lambda: raises(BadCredentials("key")))


def test_service_is_not_asked_when_the_failure_says_it_all() -> None:
    with pytest.raises(BadCredentials, match="the key"):
        ensure_item_is_to_blame(BadCredentials("the key"), lambda: None)


def test_hanging_head_and_its_leases_end_within_the_bound() -> None:
    isolation, lease_s = Isolation(60), LEASE_TTL_MS / 1000

    tries = 1 + isolation.HEAD_TRIES

    assert tries * (isolation.drain_s + lease_s) + tries * 1 <= 60  # a sweep a second
    assert isolation.turn_s + lease_s <= 60


@pytest.mark.parametrize(
    ("tries", "failure", "troubled_s", "over"),
    [
        (1, DIED, 999, False),
        (2, None, 0, True),  # two workers died of it
        (2, Failure.of(KeyError("x")), 0, True),
        (6, Failure.of(Unavailable("x")), 29, False),  # it may pass by itself
        (5, Failure.of(Unavailable("x")), 99, False),
        (6, Failure.of(Unavailable("x")), 30, True),
    ],
)
def test_head_has_two_tries_alone_and_time_for_what_may_pass(
    tries: int, failure: Failure | None, troubled_s: int, over: bool
) -> None:
    assert Isolation(60).is_over_at_head(tries, failure, troubled_s * 1000) is over


def test_what_nobody_stands_behind_has_more_tries() -> None:
    isolation = Isolation(60, attempts=6)

    assert [isolation.is_over(n) for n in (5, 6)] == [False, True]


def test_failure_keeps_the_words_of_our_errors_and_of_no_other() -> None:
    assert Failure.of(MalformedEvent("role", "missing")).reason == "role: missing"
    assert Failure.of(ValueError("my secret")).reason == "ValueError"


def test_try_that_never_ended_counts(log: AttemptLog) -> None:
    log.begin(0, b"x")

    begun = log.begin(0, b"x")

    assert (begun.tries, begun.failure) == (2, None)


def test_try_tells_how_the_last_one_failed_and_waits_double(log: AttemptLog) -> None:
    waits = []
    for _ in range(9):
        begun = log.begin(0, b"x")
        waits.append(log.failed(0, b"x", begun, Failure.of(Unavailable("no"))))

    assert log.begin(0, b"x").failure == Failure("Unavailable", "no", retryable=True)
    assert 0.5 <= waits[0] <= 2
    assert 30 <= waits[-1] <= 120


def test_try_that_stepped_aside_does_not_count(log: AttemptLog) -> None:
    for _ in range(5):
        log.step_aside(0, b"x", log.begin(0, b"x"), wait_s=1)

    assert log.begin(0, b"x").tries == 1


@pytest.mark.parametrize("aside", [False, True])
def test_next_try_is_not_before_the_wait_is_over_and_tells_of_the_last(
    log: AttemptLog, aside: bool
) -> None:
    patient, failure = replace(log, first_s=10**6, longest_s=10**6), Failure.of(Unavailable("no"))
    begun = replace(log.begin(0, b"x"), failure=failure)
    before_ms = now_ms(log.redis)

    if aside:
        wait_s = 1e6
        patient.step_aside(0, b"x", begun, wait_s)
    else:
        wait_s = patient.failed(0, b"x", begun, failure)

    ended = log.all(0)[b"x"]
    assert before_ms <= ended.next_ms - round(wait_s * 1000) <= now_ms(log.redis)
    assert ended.failure == failure


@pytest.mark.parametrize("error", [NoConnection("x"), LoadingError("x"), OutOfMemoryError("x")])
def test_redis_that_fails_is_told_from_an_item_that_it_refuses(error: RedisError) -> None:
    assert is_redis_away(error)
    assert is_redis_away(RedisClusterException("no node"))
    assert not is_redis_away(ResponseError("in a script"))
    assert not is_redis_away(DataError("None"))
    assert not is_redis_away(KeyError("x"))


def test_ending_that_comes_late_leaves_alone_what_another_has_begun(log: AttemptLog) -> None:
    late = log.begin(0, b"x")
    log.begin(0, b"x")

    log.step_aside(0, b"x", late, wait_s=1)
    log.failed(0, b"x", late, Failure.of(Unavailable("no")))

    assert log.all(0) == {b"x": Attempts(2)}


def test_ending_that_could_not_be_noted_is_noted_before_the_next_try(log: AttemptLog) -> None:
    failure = Failure.of(Unavailable("no"))
    aside, failed = log.begin(0, b"aside"), log.begin(0, b"failed")
    away = Redis(port=1)
    without = replace(log, redis=away)

    with pytest.raises(NoConnection):
        without.step_aside(0, b"aside", aside, wait_s=1)
    with pytest.raises(NoConnection):
        without.failed(0, b"failed", failed, failure)
    with pytest.raises(NoConnection):
        without.begin(0, b"other")
    away.connection_pool = log.redis.connection_pool  # it is back
    without.begin(0, b"other")

    noted = log.all(0)
    assert (noted[b"aside"].tries, noted[b"failed"].tries) == (0, 1)
    assert noted[b"failed"].failure == failure


def test_items_of_other_partitions_and_kinds_are_others(log: AttemptLog) -> None:
    log.begin(0, b"x")

    other = replace(log, key=lambda partition: f"{log.key(partition)}-other")

    assert [log.begin(1, b"x").tries, other.begin(0, b"x").tries, log.begin(0, b"x").tries] == [
        *(1, 1),
        2,
    ]


def test_settled_item_starts_anew(log: AttemptLog) -> None:
    log.begin(0, b"x")

    log.forget(0, b"x")

    assert log.begin(0, b"x").tries == 1
    assert list(log.all(0)) == [b"x"]
