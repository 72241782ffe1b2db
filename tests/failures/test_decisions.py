"""Users who are decided for without new facts: one whose decision fails is given up alone, and loses nothing."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import nullcontext as ok
from dataclasses import replace
from functools import partial

import pytest
from celery import Celery
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store
from devtools.servers import wait_until
from tablestore_memory.worker.consolidation.journal import Entry
from tablestore_memory.worker.consolidation.undecided import WaitingUser
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.failures.errors import Busy, SystemicFailure, Unavailable
from tablestore_memory.worker.state.attempts import TRIES_IN_COMPANY
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import UNDECIDED_MS
from tablestore_memory.worker.state.lease import give_up_leases_of
from tablestore_memory.worker.stores.memories import Embedded, Memory
from tablestore_memory.worker.tasks import register
from tests.failures.hostile import KILL, RAISE
from tests.failures.ingesting import fault, idle_deployment

MORE = "green tea in the morning with a little milk and two biscuits"
ATTEMPTS, BOUND_S = 2, 30


@pytest.fixture
def deployment(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str
) -> Iterator[Deployment]:
    deployment = idle_deployment(
        redis_url,
        faulty_tablestore_url,
        dashscope_url,
        MEMORY_EXTRACT_ATTEMPTS=str(ATTEMPTS),
        HOSTILE_STEPS="decide",
        MEMORY_ISOLATE_S=str(BOUND_S),
    )
    yield deployment
    for worker in deployment.workers:
        worker.kill()


def leave_undecided(deployment: Deployment, user: str, text: str) -> str:
    """A memory of the user that waits for a decision. Returns its id."""
    services = deployment.services
    memory = Memory(user, text).identified()
    vector = [0.5] * services.settings.embedding_dimension
    services.remembering.remember(user, [Embedded(memory, vector)], plan_id="p")
    with services.remembering.lease(user) as lease:
        services.journal.end(user, "p", lease, [memory.document_id])
    return memory.document_id


def leave_two_to_be_one(deployment: Deployment, user: str) -> None:
    for number, text in enumerate(("I like tea.", f"I like {MORE}."), 1):
        store(deployment, said(user, f"{user}-{number}", number, text, name="Ana"))
        extract_all(deployment)


def to_decide(deployment: Deployment, user: str) -> str:
    services = deployment.services
    return services.keys.to_decide(services.streams.partition(user))


def waits(deployment: Deployment, user: str) -> bool:
    return deployment.services.redis.zscore(to_decide(deployment, user), user) is not None


def make_due(deployment: Deployment, user: str) -> None:
    """As when the time has passed."""
    deployment.services.redis.zadd(to_decide(deployment, user), {user: 0}, xx=True)


def wait_s(deployment: Deployment, user: str) -> float:
    """Until the user is due."""
    redis = deployment.services.redis
    due_ms = redis.zscore(to_decide(deployment, user), user) or 0
    return (due_ms - now_ms(redis)) / 1000


def tries(deployment: Deployment, user: str) -> int:
    services = deployment.services
    found = services.undecided.tries.attempts.all(services.streams.partition(user))
    return found[user.encode()].tries if user.encode() in found else 0


def die(deployment: Deployment, user: str, times: int) -> None:
    """As workers that began a decision and did not end it."""
    services = deployment.services
    for _ in range(times):
        partition = services.undecided.partition_of(user)
        services.undecided.tries.attempts.begin(partition, user.encode())


def memories_away(tablestore_url: str) -> AbstractContextManager[None]:
    """While something trivial is answered."""
    return fault(tablestore_url, "error", operation="BatchGetRow", code="OTSServerUnavailable")


def users_of_one_partition(deployment: Deployment, name: str, count: int) -> list[str]:
    streams = deployment.services.streams
    names = (f"{name}-{number}" for number in range(1_000_000))
    return [each for each in names if streams.partition(each) == streams.partition(name)][:count]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "pool",
    [
        "prefork",
        pytest.param(
            "threads",
            marks=pytest.mark.skipif(
                not os.environ.get("MEMORY_ALL_FAULTS"), reason="takes a minute"
            ),
        ),
    ],
)
def test_user_whose_decision_hurts_its_worker_is_given_up_while_another_is_decided_for(
    deployment: Deployment, fresh_name: str, pool: str
) -> None:
    killing, raising, other = users_of_one_partition(deployment, fresh_name, 3)
    bad = ((killing, KILL), (raising, RAISE))
    ids = {user: leave_undecided(deployment, user, text) for user, text in bad}
    leave_two_to_be_one(deployment, other)
    (worker,) = deployment.start_workers(
        "extract",
        pool=pool,
        concurrency=2,
        supervised=pool == "threads",
        app="tests.failures.hostile_worker",
    )

    for user in (killing, raising, other):
        make_due(deployment, user)
    wait_until(lambda: tries(deployment, killing) == 1, "a worker that died")
    wait_until(lambda: len(deployment.texts(other)) == 1, "the other is decided for")

    def given_up() -> bool:
        for user in ids:
            make_due(deployment, user)
        return not any(waits(deployment, user) for user in ids)

    wait_until(given_up, "both given up", 240)
    services = deployment.services
    for user, document_id in ids.items():
        assert services.memories.get([document_id])
        assert services.journal.undecided(user) == []
        assert tries(deployment, user) == 0
    assert services.dead.count() == 0
    assert "decision.given_up" in worker.output
    assert ("task.ran_apart" in worker.output) == (pool == "threads")


def test_user_whose_workers_died_is_given_up_and_the_facts_stay_as_they_are(
    deployment: Deployment, fresh_name: str
) -> None:
    leave_two_to_be_one(deployment, fresh_name)
    make_due(deployment, fresh_name)
    die(deployment, fresh_name, ATTEMPTS)

    with capture_logs() as told:
        assert deployment.services.undecided.decide(fresh_name).done == 0

    (given_up,) = [each for each in told if each["event"] != "qwen.answered"]  # the probe's
    assert (given_up["event"], given_up["log_level"]) == ("decision.given_up", "error")
    assert (given_up["user_id"], given_up["error"]) == (fresh_name, "WorkerDied")
    assert len(deployment.texts(fresh_name)) == 2
    assert deployment.services.journal.undecided(fresh_name) == []
    assert not waits(deployment, fresh_name)
    assert tries(deployment, fresh_name) == 0


def test_decision_that_failed_is_tried_again_after_minutes(
    deployment: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)

    with memories_away(faulty_tablestore_url):
        deployment.services.undecided.decide(fresh_name)

    assert tries(deployment, fresh_name) == 1
    assert 600 / 4 - 10 < wait_s(deployment, fresh_name) <= 600


def test_outage_gives_nobody_up(
    deployment: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    leave_two_to_be_one(deployment, fresh_name)
    make_due(deployment, fresh_name)
    undecided = deployment.services.undecided

    with fault(faulty_tablestore_url, "error", code="OTSServerUnavailable"):
        for _ in range(ATTEMPTS + 1):
            with pytest.raises(SystemicFailure):
                undecided.decide(fresh_name)

    assert tries(deployment, fresh_name) == 0
    assert waits(deployment, fresh_name)
    assert undecided.decide(fresh_name).done == 1
    assert deployment.texts(fresh_name) == [f"Ana likes {MORE}"]
    assert not waits(deployment, fresh_name)


def test_outage_gives_nobody_up_whose_worker_died_before(
    deployment: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    leave_two_to_be_one(deployment, fresh_name)
    make_due(deployment, fresh_name)
    die(deployment, fresh_name, ATTEMPTS)

    with (
        fault(faulty_tablestore_url, "error", code="OTSServerUnavailable"),
        pytest.raises(SystemicFailure),
    ):
        deployment.services.undecided.decide(fresh_name)

    assert tries(deployment, fresh_name) == ATTEMPTS
    assert waits(deployment, fresh_name)


@pytest.mark.parametrize("answer", [None, Unavailable("away")])
@pytest.mark.parametrize("died", [0, ATTEMPTS])
def test_try_whose_lease_was_lost_while_the_services_were_asked_notes_nothing(
    deployment: Deployment,
    faulty_tablestore_url: str,
    fresh_name: str,
    died: int,
    answer: Exception | None,
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)
    die(deployment, fresh_name, died)
    undecided = deployment.services.undecided

    def asked_slowly() -> None:
        give_up_leases_of(threading.current_thread())
        if answer:
            raise answer

    asking = replace(undecided, tries=replace(undecided.tries, probe=asked_slowly))
    with memories_away(faulty_tablestore_url), pytest.raises(SystemicFailure) if answer else ok():
        asking.decide(fresh_name)

    assert tries(deployment, fresh_name) == died + 1
    assert deployment.services.redis.zscore(to_decide(deployment, fresh_name), fresh_name) == 0


def test_user_whose_memories_another_changes_is_decided_for_later_and_that_is_no_try(
    deployment: Deployment, fresh_name: str
) -> None:
    services = deployment.services
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)
    at_once = replace(services.remembering, wait_for_user_s=0)

    with services.remembering.lease(fresh_name), pytest.raises(Busy):
        replace(services.undecided, remembering=at_once).decide(fresh_name)

    assert tries(deployment, fresh_name) == 0
    assert waits(deployment, fresh_name)


def test_user_who_came_back_meanwhile_is_not_decided_for(
    deployment: Deployment, fresh_name: str
) -> None:
    leave_two_to_be_one(deployment, fresh_name)

    assert deployment.services.undecided.decide(fresh_name).done == 0
    assert len(deployment.texts(fresh_name)) == 2
    assert waits(deployment, fresh_name)


def test_tries_do_not_count_for_what_the_user_says_later(
    deployment: Deployment, fresh_name: str
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    die(deployment, fresh_name, 1)

    leave_undecided(deployment, fresh_name, "Ana likes chess")

    assert waits(deployment, fresh_name)
    assert tries(deployment, fresh_name) == 0


def test_nothing_is_noted_of_a_user_who_was_forgotten_before_the_decision(
    deployment: Deployment, fresh_name: str
) -> None:
    services = deployment.services
    die(deployment, fresh_name, 1)
    services.journal.leave_undecided(fresh_name, ())

    assert services.undecided.decide(fresh_name).done == 0
    assert tries(deployment, fresh_name) == 0


def test_nothing_is_noted_of_a_user_who_is_forgotten_while_the_worker_stands_still(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)

    def looked_up_and_stopped(_: WaitingUser) -> bool:
        give_up_leases_of(threading.current_thread())
        deployment.services.journal.leave_undecided(fresh_name, ())
        return True

    monkeypatch.setattr(WaitingUser, "waits", property(looked_up_and_stopped))
    with pytest.raises(Busy):
        deployment.services.undecided.decide(fresh_name)

    assert tries(deployment, fresh_name) == 0


def test_what_a_dead_worker_left_undecided_waits_its_own_thirty_days(
    deployment: Deployment, faulty_tablestore_url: str, fresh_name: str
) -> None:
    services = deployment.services
    left = leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)
    with services.remembering.lease(fresh_name) as lease:
        services.journal.begin(fresh_name, Entry("q", (), (left,)), lease)

    with memories_away(faulty_tablestore_url):
        outcome = services.undecided.decide(fresh_name)

    assert (outcome.done, outcome.error) == (0, None)
    assert services.journal.unfinished(fresh_name) is None
    assert services.journal.undecided(fresh_name) == [left]
    assert tries(deployment, fresh_name) == 0
    assert wait_s(deployment, fresh_name) > UNDECIDED_MS / 1000 - 100


@pytest.mark.parametrize("apart", [False, True])
def test_status_tells_of_a_decision_that_failed(
    deployment: Deployment,
    faulty_tablestore_url: str,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
    apart: bool,
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    make_due(deployment, fresh_name)
    if apart:
        die(deployment, fresh_name, TRIES_IN_COMPANY)
        for name, value in deployment.environment.items():
            monkeypatch.setenv(name, value)

    with memories_away(faulty_tablestore_url):
        take_turn(deployment, fresh_name, in_thread=apart)

    (failing,) = deployment.services.stage_errors.all()
    assert (failing.task, failing.error) == (gate.DECIDE, "Unavailable")


def test_status_tells_of_a_decision_that_failed_until_another_is_made(
    deployment: Deployment, fresh_name: str
) -> None:
    leave_undecided(deployment, fresh_name, "Ana likes tea")
    deployment.services.stage_errors.note(gate.DECIDE, Unavailable("away"))

    take_turn(deployment, fresh_name)
    assert deployment.services.stage_errors.all()

    make_due(deployment, fresh_name)
    take_turn(deployment, fresh_name)
    assert deployment.services.stage_errors.all() == []


def take_turn(deployment: Deployment, user: str, *, in_thread: bool = False) -> None:
    """At deciding for one of the user's partition, as a worker of processes, or of threads, does."""
    services, app = deployment.services, Celery()
    register(app, lambda: services, services.isolation)
    turn = partial(app.tasks[gate.DECIDE], services.streams.partition(user))
    if in_thread:
        thread = threading.Thread(target=turn)
        thread.start()
        thread.join()
    else:
        turn()
