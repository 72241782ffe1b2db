"""Qwen refuses: everything, and extraction pauses with its work kept; or one text, which alone is set aside."""

import json
from typing import Any

import pytest

from devtools.deployment import Deployment
from devtools.extraction import extract_all, said, store, stored_texts, waiting
from devtools.servers import wait_until
from tablestore_memory.protocol.events import Remember, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.failures.errors import ServiceFails
from tests.local_dashscope import LocalDashScope

REFUSALS = ["InvalidParameter", "DataInspectionFailed"]
# Where a refusal begins, in the order of an extraction's calls. The trivial question has none of its words.
FACTS = {"operation": "generation"}
VECTORS = {"operation": "embedding"}
DECISIONS = {"operation": "generation", "match": "free of doubles"}
TRIVIAL = {"operation": "generation", "match": "Reply with this JSON object"}


@pytest.fixture
def deployment(shared: Deployment, local_dashscope: LocalDashScope) -> Deployment:
    return shared


def dead_of(deployment: Deployment, user: str) -> list[Any]:
    return [letter for letter in deployment.services.dead.all() if user.encode() in letter.event]


def ids(letter: Any) -> list[str]:
    return list(json.loads(letter.event)["message_ids"])


def home_known_and_changed(deployment: Deployment, user: str) -> str:
    """A session, not extracted yet, that changes what is known; and Qwen well until here."""
    store(deployment, said(user, f"{user}-old", 1, "I live in Paris.", name="Ana"))
    extract_all(deployment)
    store(deployment, said(user, f"{user}-new", 2, "I live in Lyon.", name="Ana"))
    return f"{user}-new"


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "where", [[FACTS], [VECTORS], [DECISIONS, TRIVIAL]], ids=["facts", "vectors", "decisions"]
)
def test_refusal_of_every_call_pauses_and_loses_nothing(
    deployment: Deployment,
    local_dashscope: LocalDashScope,
    fresh_name: str,
    refusal: str,
    where: list[dict[str, Any]],
) -> None:
    user, session = fresh_name, home_known_and_changed(deployment, fresh_name)
    for calls in where:
        local_dashscope.faults.add("error", code=refusal, **calls)

    for _ in range(deployment.settings.extract_attempts + 1):
        with pytest.raises(ServiceFails):
            deployment.services.attempt.run(user, session)

    assert deployment.services.sessions.watermark(user, session) == 0
    assert waiting(deployment) == [(user, session)]
    assert dead_of(deployment, user) == []
    assert stored_texts(deployment, user) == ["Ana lives in Paris"]
    local_dashscope.reset()
    extract_all(deployment)
    assert stored_texts(deployment, user) == ["Ana lives in Lyon"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusal_of_every_call_keeps_what_was_asked_by_name(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str, refusal: str
) -> None:
    partition = deployment.services.streams.partition(fresh_name)
    stream = deployment.services.streams.key(partition, "requests")
    event = Remember(event_id="e", user_id=fresh_name, created_at=1, text="I like tea")
    deployment.services.redis.xadd(stream, {EVENT_FIELD: encode(event)})
    local_dashscope.faults.add("error", code=refusal)

    with pytest.raises(ServiceFails):
        deployment.services.requests.process(partition)

    assert dead_of(deployment, fresh_name) == []
    local_dashscope.reset()
    wait_until(lambda: deployment.services.requests.process(partition) == 1, "it is done")
    assert stored_texts(deployment, fresh_name) == ["I like tea"]


def test_refusal_of_one_message_sets_that_aside_alone(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    """Also those that would have it as their context."""
    user, session = fresh_name, f"{fresh_name}-1"
    local_dashscope.faults.add("error", code="InvalidParameter", match="poisonous")
    lines = ["I like chess.", "I like poisonous plants.", "I like hiking."]
    store(
        deployment, *(said(user, session, n, line, name="Ana") for n, line in enumerate(lines, 1))
    )

    extract_all(deployment)

    assert [ids(letter) for letter in dead_of(deployment, user)] == [[f"{session}-2"]]
    assert stored_texts(deployment, user) == ["Ana likes chess", "Ana likes hiking"]


def test_refusal_by_content_inspection_sets_aside_what_was_asked_about_but_no_later_message(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    local_dashscope.faults.add("error", code="DataInspectionFailed", match="poisonous")
    store(deployment, said(user, session, 1, "I like poisonous plants.", name="Ana"))
    extract_all(deployment)
    store(deployment, said(user, session, 2, "I like chess.", name="Ana"))

    extract_all(deployment)

    assert [ids(letter) for letter in dead_of(deployment, user)] == [[f"{session}-1"]]
    assert stored_texts(deployment, user) == ["Ana likes chess"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusal_of_one_vector_leaves_out_that_memory_alone(
    deployment: Deployment, local_dashscope: LocalDashScope, fresh_name: str, refusal: str
) -> None:
    user, session = fresh_name, f"{fresh_name}-1"
    local_dashscope.faults.add("error", code=refusal, operation="embedding", match="poisonous")
    lines = ["I like chess.", "I like poisonous plants."]
    store(
        deployment, *(said(user, session, n, line, name="Ana") for n, line in enumerate(lines, 1))
    )

    extract_all(deployment)

    (letter,) = dead_of(deployment, user)
    assert ids(letter) == [f"{session}-2"]
    assert stored_texts(deployment, user) == ["Ana likes chess"]


def test_document_is_kept_without_its_secrets(deployment: Deployment, fresh_name: str) -> None:
    partition = deployment.services.streams.partition(fresh_name)
    stream = deployment.services.streams.key(partition, "requests")
    text = "My key is sk-abcdefghijklmnop1234, I like tea."
    document = {
        "id": f"{fresh_name}-d",
        "role": "user",
        "content": [{"type": "text", "text": text}],
    }
    event = Remember(event_id="e", user_id=fresh_name, created_at=1, text=text, document=document)
    deployment.services.redis.xadd(stream, {EVENT_FIELD: encode(event)})

    deployment.services.requests.process(partition)

    assert stored_texts(deployment, fresh_name) == ["My key is [secret], I like tea."]
