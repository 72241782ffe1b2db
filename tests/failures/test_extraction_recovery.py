"""What crashes, an emptied Redis, poison, a spent budget and forgetting leave behind is made good."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store, stored_texts, waiting
from devtools.servers import Server
from tablestore_memory.worker.budget import Budget
from tablestore_memory.worker.errors import BudgetSpent, RowConflict
from tablestore_memory.worker.extract import apply as applying
from tablestore_memory.worker.extract import remember as remembering
from tablestore_memory.worker.extract import session as sessions
from tablestore_memory.worker.extract.attempt import attempt
from tablestore_memory.worker.extract.redrive import redrive
from tests.failures.extraction_kills import NO_LIMITS
from tests.footprints import footprints
from tests.forgetting import forget
from tests.local_dashscope import LocalDashScope


class Died(BaseException):
    """Ends a step as a crash would: nothing behind it runs."""


@pytest.fixture(scope="module")
def shared(redis_url: str, dashscope_url: str) -> Iterator[Deployment]:
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Deployment(
            redis_url, tablestore.url, dashscope_url, MEMORY_EXTRACT_ATTEMPTS="4", **NO_LIMITS
        ) as deployment,
    ):
        yield deployment


@pytest.fixture
def place(shared: Deployment, local_dashscope: LocalDashScope) -> Deployment:
    return shared


def die(*_: Any, **__: Any) -> None:
    raise Died


def extract_dying(place: Deployment, user: str, session: str) -> None:
    """What a SIGKILL leaves is what is in the stores; leases are given back to spare six seconds."""
    with pytest.raises(Died):
        attempt(place.services.attempt, user, session)


def test_half_made_change_is_ended_before_another_session_decides(
    place: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, (first, second) = fresh_name, (f"{fresh_name}-1", f"{fresh_name}-2")
    store(place, said(user, f"{user}-0", 1, "I live in Paris.", name="Ana"))
    extract_all(place)
    store(place, said(user, first, 2, "I live in Lyon.", name="Ana"))
    with monkeypatch.context() as crash:  # Lyon is written, Paris not gone yet
        crash.setattr(type(place.services.memories), "deletion", die)
        extract_dying(place, user, first)

    store(place, said(user, second, 3, "I live in Rome.", name="Ana"))
    attempt(place.services.attempt, user, second)

    assert stored_texts(place, user) == ["Ana lives in Rome"]
    extract_all(place)  # the dead one's plan: applied already
    assert stored_texts(place, user) == ["Ana lives in Rome"]
    assert [e.text for e in place.services.history.of_user(user)] == [
        "Ana lives in Paris",
        "Ana lives in Lyon",
    ]


def test_plan_left_behind_is_decided_on_what_is_known_by_then(
    place: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, (first, second) = fresh_name, (f"{fresh_name}-1", f"{fresh_name}-2")
    store(place, said(user, first, 1, "I live in Paris.", name="Ana"))
    with monkeypatch.context() as crash:  # facts were found and kept, nothing was written
        crash.setattr(sessions, "remember", die)
        extract_dying(place, user, first)
    store(place, said(user, second, 2, "I live in Lyon.", name="Ana"))
    attempt(place.services.attempt, user, second)

    extract_all(place)

    assert stored_texts(place, user) == ["Ana lives in Lyon"]


def test_answer_is_paid_for_once_whatever_dies_after_it(
    place: Deployment,
    local_dashscope: LocalDashScope,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(place, said(user, session, 1, "I like chess.", name="Ana"))
    for where in ((sessions, "remember"), (remembering, "apply"), (applying, "write_all")):
        with monkeypatch.context() as crash:
            crash.setattr(*where, die)
            extract_dying(place, user, session)

    extract_all(place)

    counts = local_dashscope.calls()["count"]
    assert (counts["generation"], counts["embedding"]) == (1, 1)
    assert stored_texts(place, user) == ["Ana likes chess"]


def test_watermark_moved_by_another_is_not_moved_back(place: Deployment, fresh_name: str) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(place, said(user, session, 1, "I like chess."))
    moved = place.services.sessions
    moved.advance_watermark(user, session, 0, 50)

    moved.advance_watermark(user, session, 0, 40)
    with pytest.raises(RowConflict):
        moved.advance_watermark(user, session, 0, 60)

    assert moved.watermark(user, session) == 50


def test_session_that_redis_forgot_is_found_by_its_watermark(
    place: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(place, said(user, session, 1, "I like chess.", name="Ana"))
    partition = place.services.streams.partition(session)
    keys = [place.services.streams.key(partition, name) for name in ("due", "pending", "active")]
    place.services.redis.delete(*keys)
    assert (user, session) not in waiting(place)

    found = redrive(place.services.redrive)
    extract_all(place)

    assert found == 1
    assert stored_texts(place, user) == ["Ana likes chess"]
    assert redrive(place.services.redrive) == 0


def test_poison_is_given_up_alone_and_done_when_retried(
    place: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    user, bad, good = fresh_name, f"{fresh_name}-bad", f"{fresh_name}-good"
    local_dashscope.ask_fault("internal_error", count=None, match="poisonous")
    store(place, said(user, bad, 1, "I like poisonous plants.", name="Ana"))

    for number in range(4):
        attempt(place.services.attempt, user, bad)
        store(place, said(user, f"{good}{number}", 2, "I like chess.", name="Ana"))
        attempt(place.services.attempt, user, f"{good}{number}")

    assert waiting(place) == []
    status = json.loads(place.command("status", "--json").stdout)
    (letter,) = [le for le in place.services.dead.all() if bad.encode() in le.event]
    assert status["given_up_sessions"] == 1
    assert (letter.queue, letter.error) == ("extract", "Unavailable")
    assert "poisonous" not in place.command("dead", "show", letter.name, "--full").stdout.decode()
    assert place.services.sessions.watermark(user, bad) == 0

    local_dashscope.reset()
    assert place.command("dead", "retry", letter.name).returncode == 0
    extract_all(place)
    assert stored_texts(place, user) == ["Ana likes chess", "Ana likes poisonous plants"]
    assert json.loads(place.command("status", "--json").stdout)["given_up_sessions"] == 0


def test_spent_budget_keeps_the_work(
    place: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(place, said(user, session, 1, "I like chess.", name="Ana"))
    poor = Budget(place.services.redis, place.settings.prefix, 1)
    step = replace(place.services.attempt, extraction=replace(place.services.extract, budget=poor))

    with pytest.raises(BudgetSpent):
        attempt(step, user, session)

    assert waiting(place) == [(user, session)]
    extract_all(place)
    assert stored_texts(place, user) == ["Ana likes chess"]


def test_fact_on_its_way_does_not_outlive_forgetting(
    place: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(place, said(user, session, 1, "I like chess.", name="Ana"))
    with monkeypatch.context() as crash:
        crash.setattr(sessions, "remember", die)
        extract_dying(place, user, session)

    forget(place, user)
    extract_all(place)

    assert footprints(place, user) == []


def with_workers_turn(place: Deployment) -> None:
    """Store what was published and carry out what was asked, in this process."""
    from tablestore_memory.worker.extract.requests import process_requests
    from tablestore_memory.worker.ingest.drain import drain
    from tablestore_memory.worker.partitions import existing

    for partition in existing(place.services.redis, place.services.streams):
        drain(place.services.ingest, partition)
        process_requests(place.services.requests, partition)


def test_remembered_secret_is_refused_and_listed_without_it(
    place: Deployment, fresh_name: str
) -> None:
    secret = "sk-abcdefghijklmnop1234"
    place.publish({"type": "remember", "user_id": fresh_name, "text": f"My key is {secret}."})

    with_workers_turn(place)

    (letter,) = [le for le in place.services.dead.all() if fresh_name.encode() in le.event]
    assert letter.error == "SecretRefused"
    assert secret.encode() not in letter.event
    assert stored_texts(place, fresh_name) == []
