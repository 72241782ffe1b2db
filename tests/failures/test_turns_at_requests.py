"""A turn at a partition's requests is short, and the next one follows at once while there is something to do."""

from dataclasses import replace
from itertools import count

from devtools.deployment import Deployment
from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tests.failures.ingesting import drain_all
from tests.forgetting import publish


def ask(deployment: Deployment, user: str, times: int) -> None:
    """That something is remembered, so often."""
    for number in range(times):
        publish(deployment, {"type": "remember", "user_id": f"{user}-{number}", "text": "Tea."})
    drain_all(deployment, 0)


def test_turn_ends_in_time_however_slow_its_requests_are(
    undrained: Deployment, fresh_name: str
) -> None:
    """Else one of them is in hand when the turn is ended by force, and that counts as its failure."""
    ask(undrained, fresh_name, 4)
    requests, passing = undrained.services.requests, count(step=10)
    slow = replace(requests, turn_s=20, monotonic=lambda: next(passing))

    done = [slow.process(0), slow.process(0), slow.process(0)]

    assert done == [2, 2, 0]


def two_at_a_time(settings: Settings) -> Services:
    requests = Services(settings).requests
    return Services(settings, requests=replace(requests, most_a_turn=2))


def test_turn_that_settled_something_is_followed_by_another(
    undrained: Deployment, fresh_name: str
) -> None:
    ask(undrained, fresh_name, 3)
    turn = create_app(undrained.settings, two_at_a_time).tasks[gate.REQUESTS]
    redis, queue = undrained.services.redis, f"{undrained.settings.prefix}:celery:extract"

    queued = []
    for _ in range(3):
        turn(0)
        queued.append(redis.llen(queue))

    assert queued == [1, 2, 2]
    assert redis.xlen(undrained.services.streams.key(0, "requests")) == 0
