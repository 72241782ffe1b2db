"""Requests carried out: what is written for them, what is refused, and what is told of it."""

from dataclasses import replace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from tablestore_memory.protocol.events import Event, Forget, Remember, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.stores.memory import document_id
from tests.qwen import Vectors, embedding, not_asking

SECRET = "My key is sk-0123456789abcdef0123"


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


def ask(deployment: Deployment, event: Event, received_ms: int | None = None) -> str:
    """Put a request into partition 0. Returns its entry's id."""
    fields: dict[Any, Any] = {EVENT_FIELD: encode(event)}
    if received_ms is not None:
        fields["received_ms"] = received_ms
    key = deployment.services.streams.key(0, "requests")
    return cast(bytes, deployment.services.redis.xadd(key, fields)).decode()


def done(deployment: Deployment, services: Services | None = None) -> int:
    return (services or deployment.services).requests.process(0)


def remembering(deployment: Deployment, **different: Any) -> Services:
    """Requests are carried out by a step that differs in this."""
    step = replace(deployment.services.remembering, **different)
    return Services(deployment.settings, remembering=step)


def remember(user: str, text: str = "I like tea", **more: Any) -> Remember:
    fields: dict[str, Any] = {"event_id": f"{user}-e", "user_id": user, "created_at": 7}
    return Remember(**fields | more, text=text)


def document(user: str, text: str = "I like tea", **more: Any) -> Remember:
    parts = [{"type": "text", "text": text}] if text else [{"type": "image", "image_url": "a"}]
    return remember(user, "-", document={"id": f"{user}-d", "content": parts}, **more)


def kept(deployment: Deployment, user: str) -> list[Embedded]:
    ids = [document_id(user, "I like tea"), f"{user}-d"]
    return deployment.services.memories.get(ids)


def test_text_is_remembered_as_it_stands(deployment: Deployment, fresh_name: str) -> None:
    ask(deployment, remember(fresh_name, session_id="s"), received_ms=1_000)

    assert done(deployment) == 1

    (found,) = kept(deployment, fresh_name)
    memory = found.memory
    assert (memory.text, memory.kind, memory.said_by) == ("I like tea", "instruction", "user")
    assert (memory.user_id, memory.session_id) == (fresh_name, "s")
    assert (memory.valid_from, memory.stated_at, memory.received_ms) == (7, 7, 1_000)
    assert found.vector is not None
    assert len(found.vector) == deployment.settings.embedding_dimension
    assert deployment.services.journal.was_applied(fresh_name, f"{fresh_name}-e")


def test_text_without_a_session_belongs_to_none(deployment: Deployment, fresh_name: str) -> None:
    ask(deployment, remember(fresh_name))

    done(deployment)

    (found,) = kept(deployment, fresh_name)
    assert found.memory.sessions == set()


def test_text_waits_for_no_index_that_is_behind(deployment: Deployment, fresh_name: str) -> None:
    few = replace(deployment.services.neighbours, most_unindexed=1)
    services = remembering(deployment, neighbours=few)
    deployment.services.unindexed.add(fresh_name, ["one", "two"])
    ask(deployment, remember(fresh_name))

    assert done(deployment, services) == 1

    assert len(kept(deployment, fresh_name)) == 1


def test_text_with_a_secret_is_refused_and_its_document_kept_without(
    deployment: Deployment, fresh_name: str
) -> None:
    ask(deployment, remember(fresh_name, SECRET))
    ask(deployment, document(fresh_name, SECRET))

    settled = done(deployment)

    (letter,) = deployment.services.dead.all()
    (found,) = kept(deployment, fresh_name)
    reason = "the text holds a secret: a key, a password, a card or ID number"
    assert settled == 2
    assert (letter.error, letter.reason) == ("SecretRefused", reason)
    assert found.memory.text == "My key is [secret]"


@pytest.mark.parametrize("request_of", [remember, document])
def test_what_is_forgotten_is_neither_sent_to_qwen_nor_kept(
    deployment: Deployment, fresh_name: str, request_of: Any
) -> None:
    deployment.services.tombstones.note(fresh_name, None, 1_000)
    ask(deployment, request_of(fresh_name), received_ms=1_000)

    assert done(deployment, not_asking(deployment)) == 1

    assert kept(deployment, fresh_name) == []
    assert [*deployment.services.dead.all()] == []


def test_document_is_kept_under_its_own_id_with_what_it_is_found_by(
    deployment: Deployment, fresh_name: str
) -> None:
    ask(deployment, document(fresh_name), received_ms=1_000)

    done(deployment)

    (found,) = kept(deployment, fresh_name)
    memory = found.memory
    assert (memory.document_id, memory.text) == (f"{fresh_name}-d", "I like tea")
    assert (memory.kind, memory.received_ms) == ("document", 1_000)
    assert found.vector is not None
    assert len(found.vector) == deployment.settings.embedding_dimension


def test_document_without_a_text_is_kept_without_asking_qwen(
    deployment: Deployment, fresh_name: str
) -> None:
    ask(deployment, document(fresh_name, text=""))

    assert done(deployment, not_asking(deployment)) == 1

    (found,) = kept(deployment, fresh_name)
    assert (found.memory.text, found.vector) == ("", None)


@pytest.mark.parametrize("request_of", [document, remember])
def test_what_is_asked_while_another_changes_the_users_memories_waits(
    deployment: Deployment, fresh_name: str, request_of: Any
) -> None:
    services = remembering(deployment, wait_for_user_s=0)
    ask(deployment, request_of(fresh_name))

    with users_lease(deployment, fresh_name):
        settled = done(deployment, services)

    assert settled == 0
    assert kept(deployment, fresh_name) == []


def users_lease(deployment: Deployment, user: str) -> Lease:
    streams = deployment.services.streams
    return Lease(deployment.services.redis, streams.key(streams.partition(user), f"lease:{user}"))


@pytest.mark.parametrize("session", [None, "s"])
def test_to_forget_is_noted_before_it_has_its_turn(
    deployment: Deployment, fresh_name: str, session: str | None
) -> None:
    services = remembering(deployment, wait_for_user_s=0)
    forget = Forget(
        event_id=f"{fresh_name}-f", user_id=fresh_name, session_id=session, created_at=1
    )
    ask(deployment, forget, received_ms=1_000)

    with users_lease(deployment, fresh_name):
        settled = done(deployment, services)

    covers = deployment.services.tombstones.covers
    assert settled == 0
    assert deployment.services.deletion_receipts.finished(forget.event_id) is None
    assert covers(fresh_name, "s", 1_000)
    assert not covers(fresh_name, "s", 1_001)
    assert covers(fresh_name, "other", 1_000) == (session is None)


@pytest.mark.parametrize("session", [None, "s"])
def test_forgotten_is_what_was_received_by_then_in_that_session_or_in_all(
    deployment: Deployment, fresh_name: str, session: str | None
) -> None:
    for number, (where, received_ms) in enumerate(
        [("s", 1_000), ("s", 1_001), ("other", 1_000)], start=1
    ):
        event = remember(
            fresh_name, f"I like tea {number}", session_id=where, event_id=f"{fresh_name}-{number}"
        )
        ask(deployment, event, received_ms=received_ms)
    done(deployment)
    forget = Forget(
        event_id=f"{fresh_name}-f", user_id=fresh_name, session_id=session, created_at=1
    )
    ask(deployment, forget, received_ms=1_000)

    with capture_logs() as logs:
        settled = done(deployment)

    ids = [document_id(fresh_name, f"I like tea {number}") for number in (1, 2, 3)]
    left = {found.memory.text for found in deployment.services.memories.get(ids)}
    gone = {"I like tea 1"} if session else {"I like tea 1", "I like tea 3"}
    receipt = deployment.services.deletion_receipts.finished(forget.event_id)
    assert settled == 1
    assert left == {"I like tea 1", "I like tea 2", "I like tea 3"} - gone
    assert receipt is not None
    assert receipt["memories"] == len(gone)
    assert logs[-1] == {"event": "user.forgotten", "log_level": "info", **receipt}


def test_request_that_a_request_to_forget_took_in_the_same_turn_is_settled(
    deployment: Deployment, fresh_name: str
) -> None:
    ask(deployment, remember(fresh_name), received_ms=1_000)
    forget = Forget(event_id=f"{fresh_name}-f", user_id=fresh_name, created_at=1)
    ask(deployment, forget, received_ms=1_000)

    assert done(deployment) == 2

    receipt = deployment.services.deletion_receipts.finished(forget.event_id)
    assert receipt is not None
    assert receipt["requests"] == 1
    assert kept(deployment, fresh_name) == []


def test_what_was_done_and_set_aside_is_told_by_ids_and_reasons(
    deployment: Deployment, fresh_name: str
) -> None:
    ask(deployment, remember(fresh_name))
    refused = ask(deployment, remember(fresh_name, SECRET))

    with capture_logs() as logs:
        done(deployment)

    told = {line.pop("event"): line for line in logs}
    memory = document_id(fresh_name, "I like tea")
    reason = "the text holds a secret: a key, a password, a card or ID number"
    assert told["memory.remembered"] == {"log_level": "info", "document_id": memory}
    assert told["request.dead"] == {
        "log_level": "warning",
        "entry_id": refused,
        "reason": reason,
    }


def test_what_failed_is_told_by_its_kind_with_the_wait(
    deployment: Deployment, fresh_name: str
) -> None:
    def fails(*_: Any) -> Vectors:
        raise KeyError("my words")

    failed = ask(deployment, remember(fresh_name))

    with capture_logs() as logs:
        done(deployment, embedding(deployment, fails))

    (line,) = logs
    wait_s = line.pop("wait_s")
    assert line == {
        "event": "request.failed",
        "log_level": "warning",
        "entry_id": failed,
        "error": "KeyError",
        "reason": "KeyError",
        "tries": 1,
    }
    assert 0.25 <= wait_s <= 1
