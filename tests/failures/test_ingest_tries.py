"""What counts as a try of the front of a stream: only what may be its own fault."""

from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection

from devtools.deployment import Deployment
from tablestore_memory.worker.failures.errors import LeaseLost
from tablestore_memory.worker.state.tombstones import Pair, Tombstones
from tests.failures.ingesting import append, dead, message, texts


class Meanwhile(Tombstones):
    """Something happens while a batch is made."""

    def __init__(self, deployment: Deployment, happens: Any) -> None:
        super().__init__(deployment.services.redis, deployment.services.streams)
        self._happens = happens

    def upto(self, pairs: Any) -> dict[Pair, int]:
        self._happens()
        return super().upto(pairs)


def tries(deployment: Deployment) -> int:
    services = deployment.services
    return int(services.redis.hget(services.keys.in_flight(0), "tries") or 0)


def test_connection_that_breaks_in_the_middle_is_no_try(
    undrained: Deployment, fresh_name: str
) -> None:
    def breaks() -> None:
        raise NoConnection("gone")

    append(undrained, 0, message(fresh_name, 1))
    broken = replace(undrained.services.ingest, tombstones=Meanwhile(undrained, breaks))

    for _ in range(4):
        with pytest.raises(NoConnection):
            broken.drain(0)

    assert tries(undrained) == 0
    undrained.services.ingest.drain(0)
    assert texts(undrained, fresh_name) == ["text 1"]
    assert dead(undrained) == []


def test_lease_that_is_lost_in_the_middle_is_no_try_of_a_front_that_still_stands(
    undrained: Deployment, fresh_name: str
) -> None:
    redis, lease = undrained.services.redis, undrained.services.keys.lease(0)

    def taken() -> None:
        redis.set(lease, "another's")

    append(undrained, 0, message(fresh_name, 1))
    losing = replace(undrained.services.ingest, tombstones=Meanwhile(undrained, taken))

    for _ in range(4):
        with pytest.raises(LeaseLost):
            losing.drain(0)
        redis.delete(lease)

    assert tries(undrained) == 0
    undrained.services.ingest.drain(0)
    assert dead(undrained) == []


def test_lease_that_is_lost_takes_no_try_from_another_front(
    undrained: Deployment, fresh_name: str
) -> None:
    """Who has it now has settled the old front, and begun with the next."""
    services = undrained.services
    in_flight = services.keys.in_flight(0)

    def settled_by_another() -> None:
        services.redis.set(services.keys.lease(0), "another's")
        services.redis.hset(in_flight, mapping={"first": "7-0", "tries": 1})

    append(undrained, 0, message(fresh_name, 1))
    losing = replace(services.ingest, tombstones=Meanwhile(undrained, settled_by_another))

    with pytest.raises(LeaseLost):
        losing.drain(0)

    assert tries(undrained) == 1
