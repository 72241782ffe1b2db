"""What crashes, an emptied Redis, poison, a spent budget and forgetting leave behind is made good."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store, stored_texts, waiting
from devtools.servers import Server
from tablestore_memory.worker.consolidation import apply as applying
from tablestore_memory.worker.consolidation.apply import Apply
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.failures.errors import BudgetSpent, RowConflict
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.dead_letters import DeadLetters
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
def deployment(shared: Deployment, local_dashscope: LocalDashScope) -> Deployment:
    return shared


def die(*_: Any, **__: Any) -> None:
    raise Died


def extract_dying(deployment: Deployment, user: str, session: str) -> None:
    """What a SIGKILL leaves is what is in the stores; leases are given back to spare six seconds."""
    with pytest.raises(Died):
        deployment.services.attempt.run(user, session)


def test_half_made_change_is_ended_before_another_session_decides(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, (first, second) = fresh_name, (f"{fresh_name}-1", f"{fresh_name}-2")
    store(deployment, said(user, f"{user}-0", 1, "I live in Paris.", name="Ana"))
    extract_all(deployment)
    store(deployment, said(user, first, 2, "I live in Lyon.", name="Ana"))
    with monkeypatch.context() as crash:  # Lyon is written, Paris not gone yet
        crash.setattr(type(deployment.services.memories), "deletion", die)
        extract_dying(deployment, user, first)

    store(deployment, said(user, second, 3, "I live in Rome.", name="Ana"))
    deployment.services.attempt.run(user, second)

    assert stored_texts(deployment, user) == ["Ana lives in Rome"]
    extract_all(deployment)  # the dead one's plan: applied already
    assert stored_texts(deployment, user) == ["Ana lives in Rome"]
    assert [e.text for e in deployment.services.history.of_user(user)] == [
        "Ana lives in Paris",
        "Ana lives in Lyon",
    ]


def test_plan_left_behind_is_decided_on_what_is_known_by_then(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, (first, second) = fresh_name, (f"{fresh_name}-1", f"{fresh_name}-2")
    store(deployment, said(user, first, 1, "I live in Paris.", name="Ana"))
    with monkeypatch.context() as crash:  # facts were found and kept, nothing was written
        crash.setattr(Remembering, "remember", die)
        extract_dying(deployment, user, first)
    store(deployment, said(user, second, 2, "I live in Lyon.", name="Ana"))
    deployment.services.attempt.run(user, second)

    extract_all(deployment)

    assert stored_texts(deployment, user) == ["Ana lives in Lyon"]


def test_answer_is_paid_for_once_whatever_dies_after_it(
    deployment: Deployment,
    local_dashscope: LocalDashScope,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(deployment, said(user, session, 1, "I like chess.", name="Ana"))
    steps: list[tuple[object, str]] = [(Remembering, "remember"), (Apply, "apply")]
    for owner, name in [*steps, (applying, "write_all")]:
        with monkeypatch.context() as crash:
            crash.setattr(owner, name, die)
            extract_dying(deployment, user, session)

    extract_all(deployment)

    counts = local_dashscope.calls()["count"]
    assert (counts["generation"], counts["embedding"]) == (1, 1)
    assert stored_texts(deployment, user) == ["Ana likes chess"]


def test_watermark_moved_by_another_is_not_moved_back(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(deployment, said(user, session, 1, "I like chess."))
    moved = deployment.services.sessions
    moved.advance_watermark(user, session, 0, 50)

    moved.advance_watermark(user, session, 0, 40)
    with pytest.raises(RowConflict):
        moved.advance_watermark(user, session, 0, 60)

    assert moved.watermark(user, session) == 50


def test_session_that_redis_forgot_is_found_by_its_watermark(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(deployment, said(user, session, 1, "I like chess.", name="Ana"))
    partition = deployment.services.streams.partition(session)
    keys = [
        deployment.services.streams.key(partition, name) for name in ("due", "pending", "active")
    ]
    deployment.services.redis.delete(*keys)
    assert (user, session) not in waiting(deployment)

    found = deployment.services.reconciliation.walk()
    extract_all(deployment)

    assert found  # others that share the tables may lag, too
    assert stored_texts(deployment, user) == ["Ana likes chess"]
    assert deployment.services.reconciliation.walk() == 0


def test_poison_is_given_up_alone_and_done_when_retried(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    user, bad, good = fresh_name, f"{fresh_name}-bad", f"{fresh_name}-good"
    local_dashscope.faults.add("error", code="InternalError", match="poisonous")
    store(deployment, said(user, bad, 1, "I like poisonous plants.", name="Ana"))

    for number in range(4):
        deployment.services.attempt.run(user, bad)
        store(deployment, said(user, f"{good}{number}", 2, "I like chess.", name="Ana"))
        deployment.services.attempt.run(user, f"{good}{number}")

    assert waiting(deployment) == []
    status = json.loads(deployment.command("status", "--json").stdout)
    (letter,) = [le for le in deployment.services.dead.all() if bad.encode() in le.event]
    assert status["given_up_sessions"] == 1
    assert (letter.queue, letter.error) == ("extract", "Unavailable")
    assert (
        "poisonous" not in deployment.command("dead", "show", letter.name, "--full").stdout.decode()
    )
    assert deployment.services.sessions.watermark(user, bad) == 0

    local_dashscope.reset()
    assert deployment.command("dead", "retry", letter.name).returncode == 0
    extract_all(deployment)
    assert stored_texts(deployment, user) == ["Ana likes chess", "Ana likes poisonous plants"]
    assert json.loads(deployment.command("status", "--json").stdout)["given_up_sessions"] == 0


def test_session_whose_letter_could_not_be_kept_at_once_is_given_up_all_the_same(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, session = deployment.services, member(fresh_name, fresh_name)
    store(deployment, said(fresh_name, fresh_name, 1, "I like chess."))
    for _ in range(4):  # its workers died
        services.attempt.tries.attempts.begin(services.streams.partition(fresh_name), session)

    def fail_once(*_: Any, **__: Any) -> None:
        failing.undo()
        raise ConnectionError

    with monkeypatch.context() as failing:
        failing.setattr(DeadLetters, "add", fail_once)
        outcome = services.attempt.run(fresh_name, fresh_name)

    assert isinstance(outcome.error, ConnectionError)
    assert [each for each in services.dead.all() if fresh_name.encode() in each.event]
    assert waiting(deployment) == []


def test_spent_budget_keeps_the_work(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(deployment, said(user, session, 1, "I like chess.", name="Ana"))
    poor = Budget(deployment.services.redis, deployment.services.streams, 1)
    step = replace(
        deployment.services.attempt, extraction=replace(deployment.services.extract, budget=poor)
    )

    with pytest.raises(BudgetSpent):
        step.run(user, session)

    assert waiting(deployment) == [(user, session)]
    extract_all(deployment)
    assert stored_texts(deployment, user) == ["Ana likes chess"]


def test_fact_on_its_way_does_not_outlive_forgetting(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    store(deployment, said(user, session, 1, "I like chess.", name="Ana"))
    with monkeypatch.context() as crash:
        crash.setattr(Remembering, "remember", die)
        extract_dying(deployment, user, session)

    forget(deployment, user)
    extract_all(deployment)

    assert footprints(deployment, user) == []


def with_workers_turn(deployment: Deployment) -> None:
    """Store what was published and carry out what was asked, in this process."""
    from tablestore_memory.worker.state.partitions import active_partitions

    for partition in active_partitions(deployment.services.redis, deployment.services.streams):
        deployment.services.ingest.drain(partition)
        deployment.services.requests.process(partition)


def test_remembered_secret_is_refused_and_listed_without_it(
    deployment: Deployment, fresh_name: str
) -> None:
    secret = "sk-abcdefghijklmnop1234"
    deployment.publish({"type": "remember", "user_id": fresh_name, "text": f"My key is {secret}."})

    with_workers_turn(deployment)

    (letter,) = [le for le in deployment.services.dead.all() if fresh_name.encode() in le.event]
    assert letter.error == "SecretRefused"
    assert secret.encode() not in letter.event
    assert stored_texts(deployment, fresh_name) == []
