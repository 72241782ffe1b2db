"""Users who do not come back: who is decided for, and what ends that."""

from dataclasses import replace

import pytest

from devtools.deployment import Deployment
from tablestore_memory.worker.failures.errors import BudgetSpent
from tablestore_memory.worker.qwen.budget import Budget
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

    changes = services.undecided.decide(partition)

    assert changes == 0
    assert services.redis.zscore(services.keys.to_decide(partition), fresh_name) is None
    assert not services.redis.exists(services.keys.applied(fresh_name))


def test_spent_budget_takes_nobody(deployment: Deployment, fresh_name: str) -> None:
    services, partition = deployment.services, due(deployment, fresh_name)
    budget = Budget(services.redis, services.streams, 1)
    budget.spend(2)

    with pytest.raises(BudgetSpent):
        replace(services.undecided, budget=budget).decide(partition)

    assert services.redis.zscore(services.keys.to_decide(partition), fresh_name) == 0
