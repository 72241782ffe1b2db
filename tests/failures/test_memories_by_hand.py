"""One memory corrected or deleted by hand: what is left of it, what brings it back, and what a crash leaves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from devtools.deployment import Deployment
from devtools.extraction import extract_all, memory_rows, said, store, stored_texts
from tablestore_memory.protocol.events import (
    DeleteMemory,
    EditMemory,
    Event,
    Remember,
    decode,
    encode,
)
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.consolidation import apply as applying
from tablestore_memory.worker.consolidation import by_hand, unmerge
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.journal import Journal
from tablestore_memory.worker.consolidation.merge import joined
from tablestore_memory.worker.operations.kept import id_after
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.memory import Embedded, Source, document_id
from tests.forgetting import forget
from tests.qwen import Vectors, embedding, not_asking

SECRET = "My key is sk-0123456789abcdef0123"
LATER = 1_700_000_000_000_000  # after 8 May 2023, when all is said


class Died(BaseException):
    """Ends a step as a crash would: nothing behind it runs."""


@pytest.fixture
def deployment(undrained: Deployment) -> Deployment:
    return undrained


def ask(deployment: Deployment, *events: Event) -> None:
    """Put requests into partition 0."""
    key = deployment.services.streams.key(0, "requests")
    for event in events:
        fields: dict[Any, Any] = {EVENT_FIELD: encode(event)}
        deployment.services.redis.xadd(key, fields)


def done(deployment: Deployment, services: Services | None = None) -> int:
    return (services or deployment.services).requests.process(0)


def edit(user: str, memory_id: str, text: str | None = None, **more: Any) -> EditMemory:
    fields: dict[str, Any] = {"event_id": f"{user}-edit", "created_at": LATER}
    return EditMemory(user_id=user, memory_id=memory_id, text=text, **fields | more)


def delete(user: str, memory_id: str, **more: Any) -> DeleteMemory:
    fields: dict[str, Any] = {"event_id": f"{user}-delete", "created_at": LATER}
    return DeleteMemory(user_id=user, memory_id=memory_id, **fields | more)


def told(deployment: Deployment, user: str, *texts: str) -> None:
    """Ana says each in a session of its own, a minute after the other; the facts are remembered."""
    for minute, text in enumerate(texts):
        store(deployment, said(user, f"{user}-{minute}", minute, text, name="Ana"))
        extract_all(deployment)


def again(deployment: Deployment, user: str, *sessions: int) -> None:
    """What was said is extracted once more, from the first message on."""
    for minute in sessions:
        deployment.services.due.add(user, f"{user}-{minute}", 0)
    extract_all(deployment)


def only(deployment: Deployment, user: str) -> Memory:
    (memory,) = [each for each in memory_rows(deployment) if each.user_id == user]
    assert isinstance(memory, Memory)
    return memory


def texts_in_history(deployment: Deployment, user: str) -> list[tuple[str, str]]:
    return [(each.text, each.new_text) for each in deployment.services.history.of_user(user)]


def test_correction_takes_the_place_of_the_text_and_keeps_the_rest(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    before = only(deployment, fresh_name)
    ask(deployment, edit(fresh_name, before.document_id, "Ana lives in Lyon", event_end="2024"))

    assert done(deployment) == 1

    after = only(deployment, fresh_name)
    assert after == replace(
        before,
        text="Ana lives in Lyon",
        document_id=document_id(fresh_name, "Ana lives in Lyon"),
        event_end="2024",
        stated_at=LATER,
        edited_at=LATER,
    )
    (stored,) = deployment.services.memories.get([after.document_id])
    (vector,) = deployment.services.qwen.embed([after.text])
    assert stored.vector == pytest.approx(vector, abs=1e-6)
    (entry,) = deployment.services.history.of_user(fresh_name)
    assert (entry.text, entry.new_text) == (before.text, after.text)
    assert (entry.replaced_by, entry.sources) == (after.document_id, before.sources)
    assert (entry.by_hand, entry.reason) == (True, "corrected by hand")


def test_kind_and_dates_are_corrected_where_the_memory_stands_without_asking_qwen(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "Yesterday I went to a jazz concert.")
    before = only(deployment, fresh_name)
    assert before.event_start
    ask(deployment, edit(fresh_name, before.document_id, kind="plan", event_start=""))

    assert done(deployment, not_asking(deployment)) == 1

    after = only(deployment, fresh_name)
    assert (after.document_id, after.kind, after.event_start) == (before.document_id, "plan", None)
    (stored,) = deployment.services.memories.get([after.document_id])
    assert stored.vector


def test_text_of_another_memory_makes_one_of_both(deployment: Deployment, fresh_name: str) -> None:
    told(deployment, fresh_name, "I like tea.", "I like chess.")
    tea, chess = (document_id(fresh_name, text) for text in ("Ana likes tea", "Ana likes chess"))
    ask(deployment, edit(fresh_name, tea, "Ana likes chess"))

    done(deployment)

    memory = only(deployment, fresh_name)
    assert memory.document_id == chess
    assert {each.session_id for each in memory.sources} == {f"{fresh_name}-0", f"{fresh_name}-1"}


def test_first_id_goes_on_to_name_a_memory_that_was_corrected(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    first = only(deployment, fresh_name).document_id
    ask(
        deployment,
        edit(fresh_name, first, "Ana lives in Lyon", event_id="e1"),
        edit(fresh_name, first, "Ana lives in Rome", event_id="e2"),
    )

    assert done(deployment) == 2
    assert stored_texts(deployment, fresh_name) == ["Ana lives in Rome"]

    ask(deployment, delete(fresh_name, first))
    done(deployment)
    assert stored_texts(deployment, fresh_name) == []


def test_what_was_corrected_stays_when_the_same_is_extracted_again(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    ask(deployment, edit(fresh_name, only(deployment, fresh_name).document_id, "Ana lives in Lyon"))
    done(deployment)
    before = only(deployment, fresh_name)

    again(deployment, fresh_name, 0)

    assert only(deployment, fresh_name) == before
    assert texts_in_history(deployment, fresh_name) == [("Ana lives in Paris", "Ana lives in Lyon")]


@pytest.mark.parametrize("request_of", [edit, delete])
def test_memory_of_a_publisher_whose_clock_is_ahead_stays_as_it_was_made(
    deployment: Deployment, fresh_name: str, request_of: Callable[..., Event]
) -> None:
    told(deployment, fresh_name, "I like tea.")
    memory = only(deployment, fresh_name)
    more = {"created_at": memory.stated_at - 1, **ONE_WAY[request_of]}
    ask(deployment, request_of(fresh_name, memory.document_id, **more))
    done(deployment)

    again(deployment, fresh_name, 0)

    left = {edit: ["Ana likes coffee"], delete: []}
    assert stored_texts(deployment, fresh_name) == left[request_of]


def test_what_was_deleted_leaves_no_text_and_stays_away_when_it_is_extracted_again(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.", "I live in Lyon.")
    lyon = only(deployment, fresh_name)
    assert texts_in_history(deployment, fresh_name) == [("Ana lives in Paris", "Ana lives in Lyon")]
    ask(deployment, delete(fresh_name, lyon.document_id))

    with capture_logs() as logs:
        assert done(deployment) == 1

    assert memory_rows_of(deployment, fresh_name) == []
    assert texts_in_history(deployment, fresh_name) == [("", ""), ("", "")]
    entries = deployment.services.history.of_user(fresh_name)
    assert sorted((each.by_hand, each.sources) for each in entries) == [(False, ()), (True, ())]
    told_of = {"document_id": lyon.document_id, "memories": 1, "history": 1}
    assert logs[-1] == {"event": "memory.deleted", "log_level": "info", **told_of}
    again(deployment, fresh_name, 0, 1)
    assert stored_texts(deployment, fresh_name) == []


def memory_rows_of(deployment: Deployment, user: str) -> list[Any]:
    return [each for each in memory_rows(deployment) if each.user_id == user]


def test_what_was_deleted_is_remembered_anew_when_it_is_said_anew(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.")
    memory = only(deployment, fresh_name)
    ask(deployment, delete(fresh_name, memory.document_id))
    done(deployment)

    for number, when in enumerate(("2023-05-08T14:00:00Z", "2024-01-01T00:00:00Z")):
        session = f"{fresh_name}-{number}-new"
        store(deployment, said(fresh_name, session, 1, "I like tea.", name="Ana", created_at=when))
        extract_all(deployment)
        assert len(stored_texts(deployment, fresh_name)) == number


def test_what_was_deleted_stays_away_when_one_of_its_sessions_is_forgotten(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.", "I like tea.")
    memory = only(deployment, fresh_name)
    assert len(memory.sources) == 2
    ask(deployment, delete(fresh_name, memory.document_id))
    done(deployment)

    forget(deployment, fresh_name, f"{fresh_name}-0")
    again(deployment, fresh_name, 1)

    assert stored_texts(deployment, fresh_name) == []


def test_past_state_is_deleted_by_its_own_id(deployment: Deployment, fresh_name: str) -> None:
    told(deployment, fresh_name, "I live in Paris.", "I live in Lyon.")
    ask(deployment, delete(fresh_name, document_id(fresh_name, "Ana lives in Paris")))

    done(deployment)

    assert texts_in_history(deployment, fresh_name) == [("", "")]
    assert stored_texts(deployment, fresh_name) == ["Ana lives in Lyon"]


def test_past_state_that_is_deleted_twice_takes_nothing_along(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I live in Paris.", "I live in Lyon.")
    past = document_id(fresh_name, "Ana lives in Paris")

    for event_id in ("first", "second"):
        ask(deployment, delete(fresh_name, past, event_id=event_id))
        done(deployment)

    assert stored_texts(deployment, fresh_name) == ["Ana lives in Lyon"]


def merged_meanwhile(deployment: Deployment, user: str) -> Memory:
    """As a worker does it that finds "I like chess." and makes one memory of both."""
    tea = only(deployment, user)
    store(deployment, said(user, f"{user}-1", 1, "I like chess.", name="Ana"))
    (turn,) = deployment.services.sessions.messages(user, f"{user}-1")
    source = Source(
        turn.message_id, "I like chess.", f"{user}-1", turn.received_ms, turn.created_at
    )
    chess = replace(tea, sources=(source,), stated_at=turn.created_at, session_id=f"{user}-1")
    memory = joined(chess, [tea], "Ana likes tea and chess")
    (vector,) = deployment.services.qwen.embed([memory.text])
    with deployment.services.remembering.user_lease(user) as held:
        held.make("merge", [Change(Embedded(memory, vector), (tea,), "both are liked")])
    return memory


def test_what_became_a_part_of_another_while_it_was_to_be_deleted_goes_and_the_rest_stays(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.")
    ask(deployment, delete(fresh_name, only(deployment, fresh_name).document_id))
    merged_meanwhile(deployment, fresh_name)

    assert done(deployment) == 1
    extract_all(deployment)

    assert stored_texts(deployment, fresh_name) == ["Ana likes chess"]
    assert {text for told in texts_in_history(deployment, fresh_name) for text in told} == {""}


def test_what_became_a_part_of_another_long_ago_is_deleted_as_what_that_was_before(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.")
    tea = only(deployment, fresh_name)
    memory = merged_meanwhile(deployment, fresh_name)
    minutes_later = now_ms(deployment.services.redis) + 120_000

    by_hand.ByHand(deployment.services.remembering).delete(
        delete(fresh_name, tea.document_id), minutes_later
    )

    assert stored_texts(deployment, fresh_name) == [memory.text]
    assert texts_in_history(deployment, fresh_name) == [("", "")]


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        *((unmerge, "write_all", call) for call in (1, 2)),
        *((by_hand, "write_all", call) for call in (1, 2)),
        (Journal, "end", 1),
    ],
)
def test_deletion_of_a_part_that_was_broken_off_is_ended(
    deployment: Deployment,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    call: int,
) -> None:
    told(deployment, fresh_name, "I like tea.")
    ask(deployment, delete(fresh_name, only(deployment, fresh_name).document_id))
    merged_meanwhile(deployment, fresh_name)
    broken_off(deployment, monkeypatch, owner, name, call)

    assert done(deployment) == 1
    extract_all(deployment)

    assert stored_texts(deployment, fresh_name) == ["Ana likes chess"]
    assert {text for told in texts_in_history(deployment, fresh_name) for text in told} == {""}


def test_correction_to_the_text_of_a_dated_memory_has_the_id_and_the_dates_that_were_promised(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.", "Yesterday I went to a jazz concert.")
    tea, concert = sorted(
        memory_rows_of(deployment, fresh_name), key=lambda memory: memory.stated_at
    )
    assert concert.event_start
    ask(
        deployment,
        edit(fresh_name, concert.document_id, "Ana heard jazz", event_id="e1"),
        edit(fresh_name, tea.document_id, "Ana heard jazz", event_id="e2", event_end="2024"),
    )

    done(deployment)

    memory = only(deployment, fresh_name)
    assert (memory.text, memory.document_id) == ("Ana heard jazz", id_after(tea, "Ana heard jazz"))
    assert (memory.event_start, memory.event_end) == (concert.event_start, "2024")
    assert len(memory.sources) == 2


def test_memory_of_another_user_is_neither_corrected_nor_deleted(
    deployment: Deployment, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    told(deployment, ana, "I like tea.")
    before = only(deployment, ana)
    ask(deployment, edit(bo, before.document_id, "Bo was here"), delete(bo, before.document_id))

    assert done(deployment, not_asking(deployment)) == 2

    assert only(deployment, ana) == before
    assert memory_rows_of(deployment, bo) == []
    assert deployment.services.history.of_user(bo) == []
    (letter,) = deployment.services.dead.all()
    assert (letter.error, letter.reason) == ("NoRow", "no memory of this user has this id")


def test_correction_that_holds_a_secret_is_refused_and_set_aside_without_it(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.")
    ask(deployment, edit(fresh_name, only(deployment, fresh_name).document_id, SECRET))

    done(deployment)

    (letter,) = deployment.services.dead.all()
    event = decode(letter.event)
    assert letter.error == "SecretRefused"
    assert isinstance(event, EditMemory)
    assert event.text == "My key is [secret]"
    assert stored_texts(deployment, fresh_name) == ["Ana likes tea"]


def test_document_of_an_app_is_not_corrected_and_deleted_for_good(
    deployment: Deployment, fresh_name: str
) -> None:
    parts = [{"type": "text", "text": "I like tea"}]
    whole = Remember(
        event_id=f"{fresh_name}-d",
        user_id=fresh_name,
        text="-",
        created_at=LATER - 1,
        document={"id": fresh_name, "content": parts},
    )
    ask(deployment, whole, edit(fresh_name, fresh_name, "Ana likes tea"))
    done(deployment)
    (letter,) = deployment.services.dead.all()
    assert letter.error == "NotOwner"
    assert stored_texts(deployment, fresh_name) == ["I like tea"]

    ask(deployment, delete(fresh_name, fresh_name), whole)
    assert done(deployment) == 2
    assert stored_texts(deployment, fresh_name) == []

    published_later = {"created_at": LATER + 1, "event_id": f"{fresh_name}-d2"}
    ask(deployment, Remember(**{n: getattr(whole, n) for n in FIELDS} | published_later))
    done(deployment)
    assert stored_texts(deployment, fresh_name) == ["I like tea"]


FIELDS = ("user_id", "text", "document")


@pytest.mark.parametrize("request_of", [edit, delete])
def test_request_waits_while_another_changes_the_users_memories(
    deployment: Deployment, fresh_name: str, request_of: Callable[..., Event]
) -> None:
    told(deployment, fresh_name, "I like tea.")
    before = only(deployment, fresh_name)
    step = replace(deployment.services.remembering, wait_for_user_s=0)
    ask(deployment, request_of(fresh_name, before.document_id, **ONE_WAY[request_of]))

    with Lease(deployment.services.redis, deployment.services.keys.user_lease(fresh_name)):
        settled = done(deployment, Services(deployment.settings, remembering=step))

    assert settled == 0
    assert only(deployment, fresh_name) == before


ONE_WAY: dict[Any, dict[str, str]] = {edit: {"text": "Ana likes coffee"}, delete: {}}


@pytest.mark.parametrize("request_of", [edit, delete])
def test_nothing_is_left_of_it_when_its_user_is_forgotten(
    deployment: Deployment, fresh_name: str, request_of: Callable[..., Event]
) -> None:
    told(deployment, fresh_name, "I like tea.")
    memory = only(deployment, fresh_name)
    asked = request_of(fresh_name, memory.document_id, **ONE_WAY[request_of])
    ask(deployment, asked)
    done(deployment)

    forget(deployment, fresh_name)

    assert stored_texts(deployment, fresh_name) == []
    assert deployment.services.history.of_user(fresh_name) == []


@pytest.mark.parametrize("request_of", [edit, delete])
def test_what_was_forgotten_meanwhile_is_not_brought_back(
    deployment: Deployment, fresh_name: str, request_of: Callable[..., Event]
) -> None:
    told(deployment, fresh_name, "I like tea.")
    memory = only(deployment, fresh_name)
    deployment.services.tombstones.note(fresh_name, None, memory.received_ms)
    ask(deployment, request_of(fresh_name, memory.document_id, **ONE_WAY[request_of]))

    assert done(deployment) == 1

    # What is there already goes with the request to forget.
    assert "Ana likes coffee" not in stored_texts(deployment, fresh_name)
    assert texts_in_history(deployment, fresh_name) in ([], [("", "")])


def broken_off(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int
) -> None:
    """The process dies before such a call, the first or a later one, while it does what is asked."""
    real, calls = getattr(owner, name), 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Died
        return real(*args, **options)

    with monkeypatch.context() as crash:
        crash.setattr(owner, name, counted)
        with pytest.raises(Died):
            done(deployment)


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (Journal, "begin", 1),
        *((applying, "write_all", call) for call in (1, 2, 3)),
        (Journal, "end", 1),
    ],
)
def test_correction_that_was_broken_off_is_ended_and_done_once(
    deployment: Deployment,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    call: int,
) -> None:
    told(deployment, fresh_name, "I live in Paris.")
    memory = only(deployment, fresh_name)
    ask(deployment, edit(fresh_name, memory.document_id, "Ana lives in Lyon"))
    broken_off(deployment, monkeypatch, owner, name, call)

    told(deployment, fresh_name, "I live in Paris.", "I like tea.")  # others go on meanwhile
    again(deployment, fresh_name, 0)
    assert done(deployment) == 1

    assert stored_texts(deployment, fresh_name) == ["Ana likes tea", "Ana lives in Lyon"]
    assert texts_in_history(deployment, fresh_name) == [("Ana lives in Paris", "Ana lives in Lyon")]


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [*((by_hand, "write_all", call) for call in (1, 2)), (Journal, "end", 1)],
)
def test_deletion_that_was_broken_off_is_ended(
    deployment: Deployment,
    fresh_name: str,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    call: int,
) -> None:
    told(deployment, fresh_name, "I live in Paris.", "I live in Lyon.")
    memory = only(deployment, fresh_name)
    ask(deployment, delete(fresh_name, memory.document_id))
    broken_off(deployment, monkeypatch, owner, name, call)

    assert done(deployment) == 1

    assert stored_texts(deployment, fresh_name) == []
    assert texts_in_history(deployment, fresh_name) == [("", ""), ("", "")]
    again(deployment, fresh_name, 0, 1)
    assert stored_texts(deployment, fresh_name) == []


def test_deletion_delivered_twice_leaves_what_was_said_anew_in_between(
    deployment: Deployment, fresh_name: str
) -> None:
    told(deployment, fresh_name, "I like tea.")
    asked = delete(fresh_name, only(deployment, fresh_name).document_id)
    ask(deployment, asked)
    done(deployment)
    anew = said(fresh_name, f"{fresh_name}-new", 1, "I like tea.", name="Ana")
    store(deployment, anew | {"created_at": "2024-01-01T00:00:00Z"})
    extract_all(deployment)

    ask(deployment, asked)
    assert done(deployment) == 1

    assert stored_texts(deployment, fresh_name) == ["Ana likes tea"]


def test_correction_is_tried_again_while_qwen_is_away(
    deployment: Deployment, fresh_name: str
) -> None:
    def away(*_: Any) -> Vectors:
        raise KeyError("my words")

    told(deployment, fresh_name, "I live in Paris.")
    before = only(deployment, fresh_name)
    ask(deployment, edit(fresh_name, before.document_id, "Ana lives in Lyon"))

    assert done(deployment, embedding(deployment, away)) == 0
    assert only(deployment, fresh_name) == before

    deployment.services.redis.delete(deployment.services.keys.requests_tries(0))  # it may go on now
    assert done(deployment) == 1
    assert stored_texts(deployment, fresh_name) == ["Ana lives in Lyon"]
