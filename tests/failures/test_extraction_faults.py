"""Every fault of DashScope at every call of an extraction: nothing lost, nothing twice, calls counted."""

import json
import os
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store, waiting
from tablestore_memory.localcloud.dashscope.faults import ERRORS, KINDS
from tablestore_memory.worker.failures.errors import SystemicFailure
from tests.local_dashscope import LocalDashScope

# The calls of one extraction: each is found by words that stand in no other.
CALLS = {
    "facts": {"operation": "generation", "match": "from a conversation you extract"},
    "vectors": {"operation": "embedding"},
    "decisions": {"operation": "generation", "match": "free of doubles"},
}
# A fault is known by the code of its error, or by its kind.
FREE_QUOTA = "Free allocated quota exceeded."  # by its words alone no busy hour
PAUSES = {
    *(FREE_QUOTA, "PrepaidBillOverdue", "PostpaidBillOverdue", "CommodityNotPurchased"),
    *("Arrearage", "InvalidApiKey", "AccessDenied", "Model.AccessDenied"),
    *("AllocationQuota.FreeTierOnly", "ModelNotFound"),
}
REFUSED = "DataInspectionFailed"  # final for what was sent
WRONG = {"broken-content", "wrong-keys", "length", "InvalidParameter"}  # an answer of no use
OTHERS = set(KINDS) - {"error"}
ONE_MORE_CALL = {*ERRORS, FREE_QUOTA} - WRONG - {REFUSED}
ONE_MORE_CALL |= {"reset", "reset-midway", "no-output", "broken-json", "empty-error"}
# Which error a code becomes does not depend on the call: one of each kind will do at the others, unless all
# are wanted (`make chaos-extract`).
ONE_OF_EACH_KIND = {"Throttling", "InternalError", "Arrearage", "InvalidApiKey", "ModelNotFound"}
ONE_OF_EACH_KIND |= {"InvalidParameter", REFUSED, *OTHERS}
CASES = [
    (call, fault)
    for call in CALLS
    for fault in (*ERRORS, FREE_QUOTA, *sorted(OTHERS))
    if call == "facts" or fault in ONE_OF_EACH_KIND or os.environ.get("MEMORY_ALL_FAULTS")
]
ALLERGY = "Ana is allergic to peanuts"


@pytest.fixture
def deployment(shared: Deployment, local_dashscope: LocalDashScope) -> Deployment:
    """Nobody is slowed by what an earlier test was refused."""
    for key in shared.services.redis.scan_iter(f"{shared.settings.prefix}:*:counts"):
        shared.services.redis.delete(key)
    return shared


def known_and_changed(deployment: Deployment, user: str) -> str:
    """A user whose home is known, and a session, not extracted yet, that changes it."""
    store(deployment, said(user, f"{user}-old", 1, "I live in Paris.", name="Ana"))
    extract_all(deployment)
    session = f"{user}-new"
    store(
        deployment,
        said(user, session, 2, "I live in Lyon.", name="Ana"),
        said(user, session, 3, "I'm allergic to peanuts.", name="Ana"),
    )
    return session


def extract_through_pauses(deployment: Deployment, user: str, session: str) -> int:
    """Try until nothing waits. Returns how often the whole queue would have paused."""
    pauses = 0
    for _ in range(10):
        if (user, session) not in waiting(deployment):
            return pauses
        try:
            deployment.services.attempt.run(user, session)
        except SystemicFailure:
            pauses += 1
    raise AssertionError("still waiting after 10 tries")


def watermark_is_at_the_last_message(deployment: Deployment, user: str, session: str) -> bool:
    (info,) = [s for s in deployment.services.sessions.of_user(user) if s.session_id == session]
    return info.watermark == info.update_time


@pytest.mark.parametrize(("call", "fault"), CASES)
def test_fault_at_a_call_loses_nothing_and_doubles_nothing(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str, fault: str, call: str
) -> None:
    session = known_and_changed(deployment, fresh_name)
    local_dashscope.reset()
    local_dashscope.faults.add(**fields_of(fault), **CALLS[call], seconds=0.2, times=1)

    pauses = extract_through_pauses(deployment, fresh_name, session)

    texts = sorted(deployment.texts(fresh_name))
    history = [e.text for e in deployment.services.history.of_user(fresh_name)]
    assert watermark_is_at_the_last_message(deployment, fresh_name, session)
    assert pauses == (fault in PAUSES)
    match fault, call:
        case ("DataInspectionFailed", "facts"):  # that batch is skipped, and said to be
            assert texts == ["Ana lives in Paris"]
            assert skipped_messages(deployment, session) == [f"{session}-2", f"{session}-3"]
        case ("DataInspectionFailed" | "InvalidParameter" | "length", "decisions"):
            # No decision could be had: what may be a change is kept beside what was known.
            assert texts == [ALLERGY, "Ana lives in Lyon", "Ana lives in Paris"]
        case _:
            assert texts == [ALLERGY, "Ana lives in Lyon"]
            assert history == ["Ana lives in Paris"]
    if fault in ONE_MORE_CALL:
        assert len(calls_for_the_session(local_dashscope)) == 3 + 1


def fields_of(fault: str) -> dict[str, str]:
    if fault == FREE_QUOTA:
        return {"kind": "error", "code": "Throttling.AllocationQuota", "message": fault}
    return {"kind": "error", "code": fault} if fault in ERRORS else {"kind": fault}


def calls_for_the_session(local_dashscope: LocalDashScope) -> list[dict[str, Any]]:
    """Without those that only ask whether the service answers anything."""
    trivial_tokens = {"generation": 30, "embedding": 3}
    return [
        call
        for call in local_dashscope.calls()["last"]
        if call["fault"] or call["input_tokens"] > trivial_tokens[call["operation"]]
    ]


def skipped_messages(deployment: Deployment, session: str) -> list[str]:
    events = [json.loads(letter.event) for letter in deployment.services.dead.all()]
    return [i for e in events if e.get("session_id") == session for i in e["message_ids"]]
