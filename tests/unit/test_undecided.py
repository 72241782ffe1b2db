"""Users who do not come back: who is decided for, and what ends that."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from tablestore_memory.worker.costs.user_budget import UserBudget
from tablestore_memory.worker.failures.errors import BudgetSpent
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.state.clock import now_ms
from tests.failures.ingesting import idle_deployment


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    return idle_deployment(redis_url, tablestore_url, dashscope_url)


def due(deployment: Deployment, user: str) -> int:
    """The user's partition, where they are due."""
    services = deployment.services
    partition = services.streams.partition(user)
    services.redis.zadd(services.keys.to_decide(partition), {user: 0})
    return partition


def test_user_of_whom_nothing_is_undecided_is_due_no_more(
    deployment: Deployment, fresh_name: str
) -> None:
    services, partition = deployment.services, due(deployment, fresh_name)

    outcome = services.undecided.decide(fresh_name)

    assert (outcome.done, outcome.error) == (0, None)
    assert services.redis.zscore(services.keys.to_decide(partition), fresh_name) is None
    assert not services.redis.exists(services.keys.applied(fresh_name))


def test_spent_budget_takes_nobody(deployment: Deployment, fresh_name: str) -> None:
    services, partition = deployment.services, due(deployment, fresh_name)
    budget = Budget(services.redis, services.streams, 1)
    budget.spend(2)

    with pytest.raises(BudgetSpent):
        replace(services.undecided, budget=budget).claim(partition)

    assert services.redis.zscore(services.keys.to_decide(partition), fresh_name) == 0


def test_user_who_was_taken_is_not_taken_again_before_a_task_that_decides_has_ended(
    deployment: Deployment, fresh_name: str
) -> None:
    services, partition = deployment.services, due(deployment, fresh_name)

    taken = [services.undecided.claim(partition) for _ in range(2)]

    assert taken == [fresh_name, None]
    assert wait_s(deployment, fresh_name) > services.isolation.session_s - 10


def test_user_over_the_daily_budget_waits_for_the_next_day_and_is_asked_about_once(
    deployment: Deployment, fresh_name: str
) -> None:
    services, partition = deployment.services, due(deployment, fresh_name)
    poor = UserBudget(services.redis, services.keys, services.ledger, daily_tokens=0)
    undecided = replace(services.undecided, user_budget=poor)

    with capture_logs() as told:
        taken = [undecided.claim(partition) for _ in range(3)]

    assert taken == [None] * 3
    assert [each["event"] for each in told] == ["user.over_budget"]
    assert abs(wait_s(deployment, fresh_name) - told[0]["wait_s"]) < 10


def wait_s(deployment: Deployment, user: str) -> float:
    """Until the user is due."""
    redis, partition = deployment.services.redis, deployment.services.undecided.partition_of(user)
    due_ms = redis.zscore(deployment.services.keys.to_decide(partition), user) or 0
    return (due_ms - now_ms(redis)) / 1000
