"""Which entries make a batch, and what a failed row means for them."""

from tablestore_memory.protocol.events import Message, SessionEnd, encode
from tablestore_memory.worker.failures.errors import BadCredentials, InvalidRow, Throttled
from tablestore_memory.worker.ingest.batches import build_batch
from tablestore_memory.worker.ingest.drain import _gravest, _sort_out
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.stores.batch import MAX_ROWS
from tablestore_memory.worker.stores.tables import TableNames

NAMES = TableNames("session", "message", "memory", "history")


def entry(session: str, number: int) -> StreamEntry:
    event = Message(
        event_id=f"{session}-{number}",
        message_id=f"{session}-{number}",
        user_id="u",
        session_id=session,
        created_at=number,
        role="user",
        content="text",
    )
    return StreamEntry(f"{number}-0", encode(event), 7)


def test_batch_has_one_row_a_message_and_one_a_session() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2), entry("a", 3)], NAMES)

    assert [row.table for row in batch.rows] == ["message"] * 3 + ["session"] * 2
    assert batch.rows[3].columns == (("update_time", 3),)
    assert [row.if_there for row in batch.rows] == [False] * 3 + [True] * 2


def test_same_message_twice_is_one_row() -> None:
    batch = build_batch([entry("a", 1), entry("a", 1)], NAMES)

    assert len(batch.rows) == 2
    assert len(batch.entries) == 2


def test_batch_ends_before_its_rows_exceed_a_request() -> None:
    batch = build_batch([entry(f"s{n}", n) for n in range(200)], NAMES)

    assert len(batch.rows) == MAX_ROWS
    assert len(batch.entries) == MAX_ROWS // 2


def test_malformed_entry_is_refused_and_its_neighbours_are_not() -> None:
    batch = build_batch(
        [entry("a", 1), StreamEntry("2-0", b"{", 7), StreamEntry("3-0", b"", 7), entry("a", 4)],
        NAMES,
    )

    assert [letter.source.entry_id for letter in batch.refused] == ["2-0", "3-0"]
    assert [kept.source.entry_id for kept in batch.entries] == ["1-0", "4-0"]


def test_session_end_needs_no_row() -> None:
    over = encode(SessionEnd(event_id="e", user_id="u", session_id="a", created_at=1))

    batch = build_batch([StreamEntry("1-0", over, 7)], NAMES)

    assert batch.rows == []
    assert len(batch.entries) == 1


def test_session_row_that_fails_keeps_its_messages_waiting_and_no_others() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2), entry("a", 3)], NAMES)

    stored, refused, waiting = _sort_out(batch, {3: Throttled("slow down")})

    assert [kept.source.entry_id for kept in stored] == ["2-0"]
    assert refused == []
    assert len(waiting) == 2


def test_final_error_of_a_row_refuses_its_entry_with_class_and_reason() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2)], NAMES)

    stored, refused, _ = _sort_out(batch, {0: InvalidRow("too wide")})

    assert [kept.source.entry_id for kept in stored] == ["2-0"]
    assert [(r.source.entry_id, r.reason, r.error) for r in refused] == [
        ("1-0", "too wide", "InvalidRow")
    ]


def test_cause_that_everybody_meets_is_told_before_one_row_s() -> None:
    everybody = BadCredentials("wrong key")

    assert _gravest([Throttled("slow down"), everybody]) is everybody
