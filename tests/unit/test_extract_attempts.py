"""What is left of a session that was given up, and when the day's budget ends."""

import uuid

import pytest
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import BudgetSpent
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import FROM_WATERMARK, DueSessions
from tablestore_memory.worker.state.partitions import state_streams


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


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
    budget = Budget(redis, Streams(prefix), 100)
    budget.spend(60)
    budget.check()

    budget.spend(60)

    with pytest.raises(BudgetSpent, match="MEMORY_DAILY_TOKENS"):
        budget.check()
    assert budget.spent() == {"calls": 2, "tokens": 120, "cached_tokens": 0}


def test_tokens_from_the_prompt_cache_are_counted_beside_the_others(
    redis: Redis, prefix: str
) -> None:
    budget = Budget(redis, Streams(prefix), None)

    budget.spend(60, 40)
    budget.spend(60)

    assert budget.spent() == {"calls": 2, "tokens": 120, "cached_tokens": 40}
