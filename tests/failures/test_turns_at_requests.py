"""A turn at a partition's requests is short, and the next one follows at once while there is something to do."""

from dataclasses import replace
from itertools import count

import pytest

from devtools.deployment import Deployment
from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.requests import process
from tablestore_memory.worker.requests.process import process_requests
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
    passing = count(step=process._TURN_S / 2)
    slow = replace(undrained.services.requests, monotonic=lambda: next(passing))

    done = [process_requests(slow, 0), process_requests(slow, 0), process_requests(slow, 0)]

    assert done == [2, 2, 0]


def test_turn_that_settled_something_is_followed_by_another(
    undrained: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_A_TURN", 2)
    ask(undrained, fresh_name, 3)
    turn = create_app(undrained.settings).tasks[gate.REQUESTS]
    redis, queue = undrained.services.redis, f"{undrained.settings.prefix}:celery:extract"

    queued = []
    for _ in range(3):
        turn(0)
        queued.append(redis.llen(queue))

    assert queued == [1, 2, 2]
    assert redis.xlen(undrained.services.streams.key(0, "requests")) == 0
