"""A search index that stands still or is far behind: no doubles, told by `status`, all found afterwards."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, said, store
from devtools.faults import Faults
from devtools.servers import Server, wait_until
from tablestore_memory.worker.stores.memories import document_id
from tests.failures.extraction_kills import NO_LIMITS


@pytest.fixture
def tablestore() -> Iterator[Server]:
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as server:
        yield server


@pytest.fixture
def deployment(redis_url: str, tablestore: Server, dashscope_url: str) -> Iterator[Deployment]:
    with Deployment(redis_url, tablestore.url, dashscope_url, **NO_LIMITS) as deployment:
        yield deployment


@pytest.fixture
def stopped(deployment: Deployment, tablestore: Server) -> Iterator[Faults]:
    """The index stands still, until these faults are cleared."""
    faults = Faults(tablestore.url)
    with faults.during("index-stop"):
        yield faults


def status(deployment: Deployment) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(deployment.command("status", "--json").stdout)
    return answer


def by_key(deployment: Deployment, user: str, *texts: str) -> list[bool]:
    ids = [document_id(user, text) for text in texts]
    found = {each.memory.document_id for each in deployment.services.memories.get(ids)}
    return [each in found for each in ids]


def test_index_that_stands_still_makes_no_doubles_and_shows_all_afterwards(
    deployment: Deployment, stopped: Faults, fresh_name: str
) -> None:
    user = fresh_name
    for number, city in enumerate(("Paris", "Lyon", "Rome", "Lyon")):
        store(deployment, said(user, f"{user}-{number}", number, f"I live in {city}.", name="Ana"))
        store(deployment, said(user, f"{user}-{number}b", number, "I like tea.", name="Ana"))
        extract_all(deployment)

    still_missing = confirm_all(deployment)
    told = status(deployment)
    assert deployment.texts(user) == []
    assert still_missing == 2
    assert told["unsearchable"] == 2
    assert told["oldest_unsearchable_s"] > 0

    stopped.clear()
    wait_until(lambda: confirm_all(deployment) == 0, "everything confirmed")
    assert deployment.texts(user) == ["Ana likes tea", "Ana lives in Lyon"]
    assert [e.text for e in deployment.services.history.of_user(user)] == [
        "Ana lives in Paris",
        "Ana lives in Lyon",
        "Ana lives in Rome",
    ]
    assert status(deployment)["oldest_unsearchable_s"] == 0
    assert announced(deployment, user) == 2


def announced(deployment: Deployment, user: str) -> int:
    services = deployment.services
    stream = services.streams.key(services.streams.partition(user), "searchable")
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], services.redis.xrange(stream))
    return sum(fields[b"user_id"] == user.encode() for _, fields in entries)


def test_too_many_unsearchable_memories_are_waited_for_then_passed_over_and_counted(
    deployment: Deployment, stopped: Faults, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = fresh_name
    store(deployment, *(said(user, f"{user}-1", n, f"I like tea number {n}.") for n in range(6)))
    extract_all(deployment)
    services = deployment.services
    few = replace(services.remembering, neighbours=replace(services.neighbours, most_unindexed=3))
    extraction = replace(services.extract, remembering=few)
    monkeypatch.setitem(vars(services), "attempt", replace(services.attempt, extraction=extraction))

    store(deployment, said(user, f"{user}-2", 30, "I'm allergic to cats.", name="Ana"))
    tries = extract_all(deployment)

    assert tries == 6  # five times put off, then decided
    assert by_key(deployment, user, "Ana is allergic to cats") == [True]
    assert status(deployment)["decided_with_stale_index"] == 1
