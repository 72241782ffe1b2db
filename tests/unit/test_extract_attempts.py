"""When a session is given up, and when the day's budget ends."""

import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from tablestore_memory.worker.budget import Budget
from tablestore_memory.worker.errors import BudgetSpent, Unavailable
from tablestore_memory.worker.extract.attempts import Attempts
from tablestore_memory.worker.extract.due import FROM_WATERMARK, DueSessions
from tablestore_memory.worker.partitions import state_streams


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


def attempts(redis: Redis, prefix: str, allowed: int = 3) -> Attempts:
    return Attempts(redis, state_streams(prefix), allowed)


def test_session_that_fails_while_others_succeed_is_given_up(redis: Redis, prefix: str) -> None:
    step = attempts(redis, prefix)
    waits = []
    for _ in range(4):
        waits.append(step.failed("ana", "s", Unavailable("no")))
        step.succeeded("bo", "t")

    assert None not in waits[:3]
    assert waits[3] is None


def test_outage_gives_up_nothing(redis: Redis, prefix: str) -> None:
    step = attempts(redis, prefix)

    waits = [step.failed("ana", "s", Unavailable("no")) for _ in range(50)]

    assert None not in waits
    assert max(wait for wait in waits if wait) <= 120


def test_what_nobody_foresaw_is_counted_from_the_first_time(redis: Redis, prefix: str) -> None:
    step = attempts(redis, prefix)

    waits = [step.failed("ana", "s", KeyError("x")) for _ in range(3)]

    assert [wait is None for wait in waits] == [False, False, True]


def test_success_starts_the_count_anew(redis: Redis, prefix: str) -> None:
    step = attempts(redis, prefix, allowed=2)
    step.failed("ana", "s", KeyError("x"))

    step.succeeded("ana", "s")

    assert step.failed("ana", "s", KeyError("x")) is not None


def test_given_up_session_is_due_again_with_all_that_waits(redis: Redis, prefix: str) -> None:
    due = DueSessions(redis, state_streams(prefix))
    due.add("ana", "s", 5)
    due.begin("ana", "s")

    due.give_up("ana", "s", "because")
    due.add("ana", "s", FROM_WATERMARK)

    waiting = due.begin("ana", "s")
    assert waiting is not None
    assert waiting.from_us == 5


def test_day_ends_when_its_tokens_are_spent(redis: Redis, prefix: str) -> None:
    budget = Budget(redis, prefix, 100)
    budget.spend(60)
    budget.check()

    budget.spend(60)

    with pytest.raises(BudgetSpent, match="MEMORY_DAILY_TOKENS"):
        budget.check()
    assert budget.spent() == {"calls": 2, "tokens": 120}
