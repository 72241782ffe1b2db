"""What is left of a session that was given up, when the day's budget ends, and how a refusal slows everybody."""

import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from tablestore_memory.worker import ratelimit
from tablestore_memory.worker.budget import Budget
from tablestore_memory.worker.errors import BudgetSpent, Throttled
from tablestore_memory.worker.extract.due import FROM_WATERMARK, DueSessions
from tablestore_memory.worker.partitions import state_streams
from tablestore_memory.worker.ratelimit import Rates, SharedPace


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


def pace(redis: Redis, url: str, prefix: str, requests: int, tokens: int = 10**9) -> SharedPace:
    return SharedPace(redis, url, prefix, Rates(requests, tokens), Budget(redis, prefix, None))


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


def test_requests_a_minute_are_shared_by_all_workers(
    redis: Redis, redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "_PATIENCE_S", 0.2)
    one, other = pace(redis, redis_url, prefix, 3), pace(redis, redis_url, prefix, 3)
    one.before("qwen-plus", 10)
    other.before("qwen-plus", 10)
    one.before("qwen-plus", 10)

    with pytest.raises(Throttled, match="MEMORY_QWEN_RPM"):
        other.before("qwen-plus", 10)

    other.before("text-embedding-v4", 10)  # another model has its own limit


def test_tokens_of_a_larger_answer_than_thought_are_counted(
    redis: Redis, redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "_PATIENCE_S", 0.2)
    step = pace(redis, redis_url, prefix, 1_000, tokens=1_000)
    step.before("qwen-plus", 100)
    step.after("qwen-plus", 100, 950)

    with pytest.raises(Throttled):
        step.before("qwen-plus", 100)


def test_each_refusal_halves_the_pace_of_all(redis: Redis, redis_url: str, prefix: str) -> None:
    one, other = pace(redis, redis_url, prefix, 100), pace(redis, redis_url, prefix, 100)

    one.throttled("qwen-plus")
    one.throttled("qwen-plus")

    assert other.slowed("qwen-plus") == 4
    assert other.slowed("another") == 1
