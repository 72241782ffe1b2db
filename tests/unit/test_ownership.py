"""Whose a row is, is a condition of the row: equal ids of two users, table by table."""

import hashlib
from itertools import count
from typing import Any

import pytest
import tablestore as ots

from devtools.deployment import Deployment
from devtools.extraction import extract_all, memory_rows, said, store, stored_texts
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.documents import possible_ids
from tablestore_memory.protocol.events import encode
from tablestore_memory.worker.failures.errors import NotOwner
from tablestore_memory.worker.stores.memory import Memory, document_id
from tablestore_memory.worker.stores.rows import message_row
from tablestore_memory.worker.stores.write import write_all, write_rows
from tests.failures.ingesting import append, dead, drain_all, idle_deployment
from tests.footprints import rows
from tests.foreign import give_session, put_memory, say_unowned
from tests.forgetting import forget, live, publish, settle


@pytest.fixture
def deployment(redis_url: str, tablestore_url: str, dashscope_url: str) -> Deployment:
    return idle_deployment(redis_url, tablestore_url, dashscope_url)


@pytest.fixture
def ana(fresh_name: str) -> str:
    return f"{fresh_name}-ana"


@pytest.fixture
def eve(fresh_name: str) -> str:
    return f"{fresh_name}-eve"


def document(user: str, name: str, text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    whole = {"id": name, "type": "message", "role": "user", "content": content, **more}
    return {"type": "remember", "user_id": user, "text": text, "document": whole}


def texts(deployment: Deployment, user: str, session: str) -> list[str]:
    return [message.text for message in deployment.services.sessions.messages(user, session)]


@pytest.mark.parametrize("batches", [1, 2])
def test_second_message_with_the_key_of_anothers_is_a_dead_letter(
    deployment: Deployment, ana: str, eve: str, batches: int
) -> None:
    session = f"{ana}-s"
    first, second = said(ana, session, 1, "Ana's words."), said(eve, session, 1, "Eve's words.")

    publish(deployment, first)
    if batches == 2:
        drain_all(deployment, 0)
    publish(deployment, second)
    drain_all(deployment, 0)

    (letter,) = dead(deployment)
    assert (letter.error, letter.reason) == ("NotOwner", "another's row has this key")
    assert b"Eve" in letter.event
    assert texts(deployment, ana, session) == ["Ana's words."]
    assert texts(deployment, eve, session) == []


@pytest.mark.parametrize("others", [0, 1])
def test_message_written_anew_stands_whoever_else_wrote_at_its_key_meanwhile(
    deployment: Deployment, ana: str, eve: str, others: int
) -> None:
    session = f"{ana}-s"
    publish(deployment, said(ana, session, 1, "Ana's words."))
    drain_all(deployment, 0)

    again = [said(ana, session, 1, text) for text in ("Ana's later words.", "Ana's last words.")]
    publish(deployment, *[said(eve, session, 1, "Eve's words.")] * others, *again)
    drain_all(deployment, 0)

    assert texts(deployment, ana, session) == ["Ana's last words."]
    assert texts(deployment, eve, session) == []
    assert [b"Eve" in letter.event for letter in dead(deployment)] == [True] * others


@pytest.mark.parametrize("batches", [1, 2])
def test_event_delivered_twice_is_one_row(deployment: Deployment, ana: str, batches: int) -> None:
    line = said(ana, f"{ana}-s", 1, "Ana's words.")

    publish(deployment, line)
    if batches == 2:
        drain_all(deployment, 0)
    publish(deployment, line)
    drain_all(deployment, 0)

    assert texts(deployment, ana, f"{ana}-s") == ["Ana's words."]
    assert dead(deployment) == []


def test_row_whose_hindrance_goes_meanwhile_is_written(
    deployment: Deployment, ana: str, eve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tablestore_memory.worker.stores import batch

    table, client = deployment.services.names.message, deployment.services.tablestore
    hers: Any = from_line(said(eve, f"{ana}-s", 1, "Eve's words."))
    row = message_row(table, from_line(said(ana, f"{ana}-s", 1, "Ana's words.")), 7)  # type: ignore[arg-type]
    write_all(client, [message_row(table, hers, 7)])
    write = batch.write

    def going(*arguments: Any, over_own: bool = False) -> Any:
        failures = write(*arguments, over_own=over_own)
        if over_own:
            client.delete_row(table, ots.Row(list(row.key)))
        return failures

    monkeypatch.setattr(batch, "write", going)

    assert write_rows(client, [row]) == {}


def test_fields_of_a_message_do_not_hide_whose_it_is(
    deployment: Deployment, ana: str, eve: str
) -> None:
    fields = {"user_id": eve, "received_ms": 5, "utc_offset_min": "soon", "metadata": "none"}

    publish(deployment, said(ana, f"{ana}-s", 1, "Ana's words.", fields=fields))
    drain_all(deployment, 0)

    assert texts(deployment, ana, f"{ana}-s") == ["Ana's words."]
    assert texts(deployment, eve, f"{ana}-s") == []
    forget(deployment, ana)
    assert [row for row in rows(deployment) if ana in row] == []


def test_two_users_who_number_their_documents_alike_keep_what_is_theirs(
    deployment: Deployment, fresh_name: str, ana: str, eve: str
) -> None:
    name = f"{fresh_name}-msg_1"
    live(deployment, document(ana, name, "Ana's words."), document(eve, name, "Eve's words."))

    live(
        deployment,
        document(ana, name, "Ana's later words."),
        document(eve, name, "Eve's later ones."),
    )

    own = {m.document_id: m.text for m in memory_rows(deployment) if m.user_id in (ana, eve)}
    bound = f"{name}#{hashlib.sha256(eve.encode()).hexdigest()[:12]}"
    assert own == {name: "Ana's later words.", bound: "Eve's later ones."}


def test_document_stays_where_it_was_bound_when_the_other_one_goes(
    deployment: Deployment, fresh_name: str, ana: str, eve: str
) -> None:
    name = f"{fresh_name}-msg_1"
    live(deployment, document(ana, name, "Ana's words."), document(eve, name, "Eve's words."))
    forget(deployment, ana)

    live(deployment, document(eve, name, "Eve's later words."))

    assert [m.text for m in memory_rows(deployment) if m.user_id == eve] == ["Eve's later words."]


def test_fields_of_a_document_stand_for_nothing_that_we_know(
    deployment: Deployment, fresh_name: str, ana: str, eve: str
) -> None:
    claimed = {
        "user_id": ana,
        "session_id": f"{ana}-s",
        "sources": ["https://example.com"],
        "kind": "fact",
        "received_ms": 2**50,
        "stated_at": 2**60,
        "embedding": "[1]",
        "usage": {"tokens": 3},
    }

    live(deployment, document(eve, f"{fresh_name}-d", "Eve's words.", **claimed))

    (memory,) = [m for m in memory_rows(deployment) if m.document_id == f"{fresh_name}-d"]
    assert (memory.user_id, memory.session_id, memory.kind) == (eve, "default", "document")
    assert memory.sources == ()
    assert (memory.received_ms < 2**50, memory.stated_at < 2**60) == (True, True)
    assert stored_texts(deployment, ana) == []
    (row,) = [row for row in rows(deployment) if f"{fresh_name}-d" in row]
    assert '{"tokens":3}' in row


def test_document_cannot_take_the_place_of_a_fact(
    deployment: Deployment, ana: str, eve: str
) -> None:
    computed = document_id(ana, "Ana likes tea")

    live(deployment, document(eve, computed, "Eve's words."))
    live(deployment, said(ana, f"{ana}-s", 1, "I like tea.", name="Ana"))
    live(deployment, document(eve, computed, "Eve's later words."))

    assert stored_texts(deployment, ana) == ["Ana likes tea"]
    assert stored_texts(deployment, eve) == ["Eve's later words."]


def test_document_cannot_take_the_place_that_is_bound_to_another() -> None:
    (_, bound) = possible_ids("msg_1", "ana")

    assert bound not in possible_ids(bound, "eve")
    assert possible_ids(bound, "ana") == (bound,)
    assert len(possible_ids("x" * 1024, "ana")[1].encode()) <= 1024


def test_memory_that_another_program_wrote_is_never_changed(
    deployment: Deployment, ana: str
) -> None:
    put_memory(
        deployment,
        document_id(ana, "Ana likes tea"),
        user_id=ana,
        text="Ana likes tea",
        image="a cat",
    )
    put_memory(deployment, f"{ana}-paris", user_id=ana, text="Ana lives in Paris")
    before = [row for row in rows(deployment) if ana in row]

    store(deployment, said(ana, f"{ana}-s", 1, "I live in Lyon.", name="Ana"))
    extract_all(deployment)
    publish(deployment, {"type": "remember", "user_id": ana, "text": "Ana likes tea."})
    settle(deployment)

    after = [row for row in rows(deployment) if ana in row and not row.startswith("message")]
    assert [row for row in after if row in before] == before
    assert stored_texts(deployment, ana) == [
        "Ana likes tea",
        "Ana lives in Lyon",
        "Ana lives in Paris",
    ]
    assert deployment.services.history.of_user(ana) == []
    (letter,) = dead(deployment)
    assert letter.error == "NotOwner"


def test_fact_whose_place_is_taken_holds_up_nothing(deployment: Deployment, ana: str) -> None:
    put_memory(deployment, document_id(ana, "Ana likes tea"), user_id="eve", text="Mine.")

    store(deployment, said(ana, f"{ana}-s", 1, "I like tea. I live in Rome.", name="Ana"))
    extract_all(deployment)

    assert stored_texts(deployment, ana) == ["Ana lives in Rome"]
    assert deployment.services.journal.unfinished(ana) is None
    assert dead(deployment) == []


def test_request_with_the_event_id_of_anothers_is_carried_out(
    deployment: Deployment, ana: str
) -> None:
    partition = deployment.services.streams.partition
    eve = next(name for n in count() if partition(name := f"{ana}-{n}") == partition(ana))
    lines = [
        {"type": "remember", "user_id": user, "text": f"{user} likes tea.", "event_id": "the-same"}
        for user in (ana, eve)
    ]

    live(deployment, *lines)

    assert stored_texts(deployment, ana) == [f"{ana} likes tea."]
    assert stored_texts(deployment, eve) == [f"{eve} likes tea."]


def test_forgetting_deletes_no_row_that_is_anothers_whatever_our_marks_say(
    deployment: Deployment, ana: str, eve: str
) -> None:
    live(deployment, {"type": "remember", "user_id": ana, "text": "Ana's own."})
    (hers,) = [m for m in memory_rows(deployment) if m.user_id == ana]
    deployment.services.unindexed.add(eve, [hers.document_id])
    step = deployment.services.memories

    receipt = forget(deployment, eve)
    deletions = [
        step.forgetting(eve, hers.document_id, 2**50),
        step.deletion(eve, hers.document_id),
    ]
    for deletion in deletions:
        write_all(deployment.services.tablestore, [deletion])

    assert receipt["memories"] == 0
    assert stored_texts(deployment, ana) == ["Ana's own."]


def test_put_over_a_row_of_another_fails_for_it_alone(
    deployment: Deployment, ana: str, eve: str
) -> None:
    memories = [Memory(ana, "A.").identified(), Memory(ana, "B.").identified()]
    step, client = deployment.services.memories, deployment.services.tablestore
    write_all(client, [step.row(memories[0], [1.0])])
    stolen = Memory(eve, "Eve's.", document_id=memories[0].document_id)

    failures = write_rows(client, [step.row(stolen, [1.0]), step.row(memories[1], [1.0])])

    assert [type(error) for error in failures.values()] == [NotOwner]
    assert list(failures) == [0]
    assert stored_texts(deployment, ana) == ["A.", "B."]


def test_message_that_names_nobody_is_its_sessions_only_users(
    deployment: Deployment, ana: str, eve: str
) -> None:
    session = f"{ana}-s"
    say_unowned(deployment, session, text="Nobody's words.")
    before = texts(deployment, ana, session)
    give_session(deployment, ana, session)
    store(deployment, said(ana, session, 1, "Ana's words."))

    alone = texts(deployment, ana, session)
    others = texts(deployment, eve, session)
    store(deployment, said(eve, session, 2, "Eve's words."))

    assert (before, alone, others) == ([], ["Nobody's words.", "Ana's words."], [])
    assert texts(deployment, ana, session) == ["Ana's words."]
    assert texts(deployment, eve, session) == ["Eve's words."]


def test_session_of_an_app_is_not_had_by_publishing_into_it(
    deployment: Deployment, ana: str, eve: str
) -> None:
    session = f"{ana}-s"
    give_session(deployment, ana, session)
    say_unowned(deployment, session, text="Nobody's words.")

    publish(deployment, said(eve, session, 1, "Eve's words."))
    publish(deployment, said(eve, session, 2, "More of Eve's words."))
    drain_all(deployment, 0)

    assert texts(deployment, eve, session) == ["Eve's words.", "More of Eve's words."]


def test_session_published_into_is_had_once_an_app_makes_it(
    deployment: Deployment, ana: str
) -> None:
    session = f"{ana}-s"
    publish(deployment, said(ana, session, 1, "Ana's words."))
    drain_all(deployment, 0)
    say_unowned(deployment, session, text="Nobody's words.")
    before = texts(deployment, ana, session)

    give_session(deployment, ana, session)
    publish(deployment, said(ana, session, 2, "More of Ana's words."))
    drain_all(deployment, 0)

    assert before == ["Ana's words."]
    assert texts(deployment, ana, session) == [
        "Nobody's words.",
        "Ana's words.",
        "More of Ana's words.",
    ]


def test_session_that_an_app_makes_while_it_would_be_made_is_the_apps_and_moved(
    deployment: Deployment, ana: str
) -> None:
    services, session = deployment.services, f"{ana}-s"
    say_unowned(deployment, session, text="Nobody's words.")
    give_session(deployment, ana, session)

    write_all(services.tablestore, [services.sessions.row(ana, session, 7)])

    (info,) = services.sessions.of_user(ana)
    assert info.update_time == 7
    assert texts(deployment, ana, session) == ["Nobody's words."]


@pytest.mark.parametrize("good", [0, 1])
def test_session_is_not_had_by_messages_that_are_refused(
    deployment: Deployment, ana: str, eve: str, good: int
) -> None:
    """Else everybody had what names nobody, under a session's id and the key of a row in it."""
    session = f"{ana}-s"
    say_unowned(deployment, session, text="Nobody's words.")
    refused = said(eve, session, 1, "Mine!", message_id=f"{session}-unowned", created_at=5)
    others = [said(ana, f"{ana}-other", 2, "Ana's words.")] * good

    publish(deployment, refused, *others)
    drain_all(deployment, 0)

    assert [letter.error for letter in dead(deployment)] == ["NotOwner"]
    assert texts(deployment, eve, session) == []
    assert deployment.services.sessions.of_user(eve) == []
    assert texts(deployment, ana, f"{ana}-other") == ["Ana's words."] * good
    assert len(deployment.services.sessions.of_user(ana)) == good


def test_session_with_a_refused_message_and_a_stored_one_is_had(
    deployment: Deployment, ana: str, eve: str
) -> None:
    session = f"{ana}-s"
    publish(deployment, said(ana, session, 1, "Ana's words."))
    publish(deployment, said(eve, session, 1, "Mine!"), said(eve, session, 2, "Eve's words."))
    drain_all(deployment, 0)

    (info,) = deployment.services.sessions.of_user(eve)

    assert texts(deployment, eve, session) == ["Eve's words."]
    assert info.session_id == session


def test_message_that_names_nobody_is_forgotten_with_its_user_and_left_where_there_are_two(
    deployment: Deployment, ana: str, eve: str
) -> None:
    own, shared = f"{ana}-own", f"{ana}-shared"
    for session in (own, shared):
        say_unowned(deployment, session, text="Nobody's words.")
        give_session(deployment, ana, session)
        store(deployment, said(ana, session, 1, "Ana's words."))
    store(deployment, said(eve, shared, 2, "Eve's words."))

    receipt = forget(deployment, ana)

    assert (receipt["messages"], receipt["unowned"]) == (3, 1)
    assert [r for r in rows(deployment) if own in r] == []
    assert len([r for r in rows(deployment) if shared in r and r.startswith("message")]) == 2


def test_message_published_again_is_not_deleted_by_what_was_decided_before(
    deployment: Deployment, ana: str
) -> None:
    session = f"{ana}-s"
    publish(deployment, said(ana, session, 1, "Ana's words."))
    drain_all(deployment, 0)
    (row,) = deployment.services.sessions.rows(ana, session)
    upto_ms = row.received_ms or 0
    append(deployment, 0, encode(from_line(said(ana, session, 1, "Ana's words."))))
    drain_all(deployment, 0)

    deletion = deployment.services.sessions.stored.deletion(ana, row, upto_ms)
    write_all(deployment.services.tablestore, [deletion])

    assert texts(deployment, ana, session) == ["Ana's words."]
