"""Qwen is asked about the pieces of a long session at once; they are applied in order, and paid for once."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store, stored_texts
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.extract.attempt import Attempt
from tablestore_memory.worker.extract.chunks import Bounds
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.failures.errors import LeaseLost
from tablestore_memory.worker.state.lease import give_up_leases_of
from tablestore_memory.worker.state.tries import Outcome
from tests.footprints import footprints
from tests.forgetting import forget
from tests.local_dashscope import LocalDashScope

# Nothing of it has to do with anything else of it: Qwen is asked for facts alone.
SAID = ["I live in Paris.", "I'm allergic to peanuts.", "I like chess.", "I work at a bakery."]
KNOWN = [
    "Ana is allergic to peanuts",
    "Ana likes chess",
    "Ana lives in Paris",
    "Ana works at a bakery",
]


class Died(BaseException):
    """Ends a step as a crash would: nothing behind it runs."""


@pytest.fixture
def deployment(
    shared: Deployment, local_dashscope: LocalDashScope, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """A piece is a message."""
    services = shared.services
    finder = replace(services.finder, bounds=Bounds(messages=1))
    extraction = replace(services.extract, finder=finder)
    monkeypatch.setitem(vars(services), "attempt", replace(services.attempt, extraction=extraction))
    return shared


def say(deployment: Deployment, name: str, *texts: str) -> tuple[str, str]:
    """A user and a session of these messages."""
    store(deployment, *(said(name, name, n, text, name="Ana") for n, text in enumerate(texts, 1)))
    return name, name


def finding(deployment: Deployment, find: Any) -> Attempt:
    """A try whose facts are found by `find`, with what finds them otherwise as its first argument."""
    extraction = deployment.services.attempt.extraction

    class Finder(FactFinder):
        def find(self, *about: Any) -> Any:
            return find(super().find, *about)

    finder = Finder(extraction.finder.qwen, bounds=extraction.finder.bounds)
    return replace(deployment.services.attempt, extraction=replace(extraction, finder=finder))


def generations(local_dashscope: LocalDashScope) -> int:
    return int(local_dashscope.calls()["count"]["generation"])


def test_pieces_are_asked_about_at_the_same_time(deployment: Deployment, fresh_name: str) -> None:
    together = threading.Barrier(len(SAID), timeout=20)

    def find(really: Any, *about: Any) -> Any:
        together.wait()
        return really(*about)

    session = say(deployment, fresh_name, *SAID)

    assert finding(deployment, find).run(*session) == Outcome(len(SAID))

    assert stored_texts(deployment, fresh_name) == KNOWN


def test_no_more_pieces_are_asked_about_at_once_than_is_set(
    deployment: Deployment, fresh_name: str
) -> None:
    under_way, most, counting = 0, 0, threading.Lock()

    def find(really: Any, *about: Any) -> Any:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        try:
            return really(*about)
        finally:
            with counting:
                under_way -= 1

    step = finding(deployment, find)
    step = replace(step, extraction=replace(step.extraction, ask_at_once=1))

    step.run(*say(deployment, fresh_name, *SAID))

    assert most == 1
    assert stored_texts(deployment, fresh_name) == KNOWN


def test_pieces_are_applied_in_order_whichever_answer_comes_first(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    session = say(deployment, fresh_name, "I live in Paris.", "I live in Lyon.", "I live in Rome.")
    local_dashscope.faults.add("latency", match="Paris", seconds=0.5, times=1)

    deployment.services.attempt.run(*session)

    assert stored_texts(deployment, fresh_name) == ["Ana lives in Rome"]
    history = [entry.text for entry in deployment.services.history.of_user(fresh_name)]
    assert history == ["Ana lives in Paris", "Ana lives in Lyon"]


@pytest.mark.parametrize("after", range(len(SAID)))
def test_answers_are_paid_for_once_whatever_piece_dies(
    deployment: Deployment,
    local_dashscope: LocalDashScope,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    session = say(deployment, fresh_name, *SAID)
    calls, remember = iter(range(len(SAID))), Remembering.remember

    def dying(*arguments: Any, **options: Any) -> int:
        if next(calls) == after:
            raise Died
        return remember(*arguments, **options)

    with monkeypatch.context() as crash:
        crash.setattr(Remembering, "remember", dying)
        with pytest.raises(Died):
            deployment.services.attempt.run(*session)

    extract_all(deployment)

    counts = local_dashscope.calls()["count"]
    assert (counts["generation"], counts["embedding"]) == (len(SAID), len(SAID))
    assert stored_texts(deployment, fresh_name) == KNOWN


def test_piece_that_fails_costs_the_others_nothing(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    session = say(deployment, fresh_name, *SAID)
    local_dashscope.faults.add("error", code="Throttling", match="peanuts", times=1)

    assert deployment.services.attempt.run(*session).done == 0
    extract_all(deployment)

    assert generations(local_dashscope) == len(SAID) + 1
    assert stored_texts(deployment, fresh_name) == KNOWN


def test_session_that_gave_its_place_away_goes_on_where_it_was(
    deployment: Deployment,
    local_dashscope: LocalDashScope,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, session = say(deployment, fresh_name, *SAID)
    # As ingestion counts it: from its first message on.
    deployment.services.due.add(user, session, 1)
    step = deployment.services.attempt
    step = replace(step, turn_s=-1.0, extraction=replace(step.extraction, ask_at_once=1))

    done = [step.run(user, session).done for _ in SAID]

    assert done == [1] * len(SAID)
    assert generations(local_dashscope) == len(SAID)
    assert stored_texts(deployment, fresh_name) == KNOWN


def test_nothing_of_the_forgotten_is_left_of_what_was_asked_ahead(
    deployment: Deployment, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = say(deployment, fresh_name, *SAID)

    def forgotten_meanwhile(*_: Any, **__: Any) -> int:
        forget(deployment, fresh_name)
        return 0

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Remembering, "remember", forgotten_meanwhile)
        deployment.services.attempt.run(*session)

    extract_all(deployment)
    assert footprints(deployment, fresh_name) == []


def test_answers_that_come_after_the_lease_was_lost_are_not_kept(
    deployment: Deployment, fresh_name: str
) -> None:
    user, session = say(deployment, fresh_name, *SAID)
    holder = threading.current_thread()

    def find(really: Any, *about: Any) -> Any:
        give_up_leases_of(holder)
        return really(*about)

    outcome = finding(deployment, find).run(user, session)

    assert isinstance(outcome.error, LeaseLost)
    assert deployment.services.plans.load(user, session) == ()
    assert stored_texts(deployment, user) == []
