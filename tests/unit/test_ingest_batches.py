"""Which entries make a batch, and what a failed row means for them."""

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from tablestore_memory.protocol.events import Forget, Message, SessionEnd, decode, encode
from tablestore_memory.worker.failures.errors import BadCredentials, InvalidRow, Throttled
from tablestore_memory.worker.ingest import batches
from tablestore_memory.worker.ingest.batches import ROW_BYTES, Refused, build_batch
from tablestore_memory.worker.ingest.late import is_covered
from tablestore_memory.worker.ingest.outcome import Outcome, gravest
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.tombstones import Pair, pair_of
from tablestore_memory.worker.stores.batch import MAX_BODY_BYTES, MAX_ROWS
from tablestore_memory.worker.stores.rows import RowWrite, message_row
from tablestore_memory.worker.stores.tables import TableNames

NAMES = TableNames("session", "message", "memory", "history")


def entry(session: str, number: int, text: str = "text", user: str = "u") -> StreamEntry:
    event = Message(
        event_id=f"{session}-{number}",
        message_id=f"{session}-{number}",
        user_id=user,
        session_id=session,
        created_at=number,
        role="user",
        content=text,
    )
    return StreamEntry(f"{number}-0", encode(event), 7)


FORGET = StreamEntry("5-0", encode(Forget(event_id="f", user_id="u", created_at=1)), 7)


def test_batch_has_one_row_a_message_and_one_a_session() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2), entry("a", 3)], NAMES)

    tables = ["message", "session", "message", "session", "message"]
    assert [row.table for row in batch.rows] == tables
    assert batch.rows[1].columns == (("update_time", 3),)
    assert [row.if_there for row in batch.rows] == [table == "session" for table in tables]


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


def test_entry_waits_for_its_own_row_and_its_sessions() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2), entry("a", 3)], NAMES)

    assert [kept.rows for kept in batch.entries] == [(0, 1), (2, 3), (4, 1)]
    assert [kept.event for kept in batch.entries] == [decode(e.source.raw) for e in batch.entries]


def test_sessions_row_has_the_newest_stamp_whatever_the_order() -> None:
    batch = build_batch([entry("a", 9), entry("a", 3)], NAMES)

    assert batch.rows[1].columns == (("update_time", 9),)


def test_batch_ends_before_its_bytes_exceed_a_request_and_goes_on_with_the_next_entry() -> None:
    large = [entry("a", number, "x" * 200_000) for number in range(30)]
    weight = len(large[0].raw) + ROW_BYTES

    first = build_batch(large, NAMES)
    second = build_batch(large[len(first.entries) :], NAMES)

    fit = len(first.entries)
    assert fit * weight <= MAX_BODY_BYTES < (fit + 1) * weight
    assert second.entries[0].source == large[fit]


def test_row_that_exactly_fits_is_in_the_batch() -> None:
    two = [entry("a", 1), entry("a", 2)]

    def fits(most_bytes: int) -> int:
        return len(build_batch(two, NAMES, max_body_bytes=most_bytes).entries)

    needed = sum(len(each.raw) + ROW_BYTES for each in two)
    assert [fits(1), fits(needed - 1), fits(needed)] == [1, 1, 2]


def test_nothing_overtakes_an_entry_that_does_not_fit() -> None:
    waiting = [FORGET, entry("a", 1), entry("a", 2), FORGET]

    batch = build_batch(waiting, NAMES, max_body_bytes=1)

    assert [kept.source.entry_id for kept in batch.entries] == ["5-0", "1-0"]


def test_batch_ends_before_a_key_that_another_has_in_it() -> None:
    mine, theirs = entry("a", 1), entry("a", 1, user="other")

    batch = build_batch([mine, theirs, entry("a", 2)], NAMES)

    assert [kept.source for kept in batch.entries] == [mine]
    assert batch.refused == []


def test_message_written_anew_takes_its_own_place_and_is_weighed() -> None:
    first, later = entry("a", 1, "x"), entry("a", 1, "x" * 1000)

    batch = build_batch([first, later], NAMES)
    short = build_batch([first, later], NAMES, max_body_bytes=len(later.raw) + ROW_BYTES)

    assert ("content", "x" * 1000) in batch.rows[0].columns
    assert [kept.rows for kept in batch.entries] == [(0, 1), (0, 1)]
    assert [kept.source for kept in short.entries] == [first]


def test_refusal_tells_the_words_of_our_errors_and_of_no_other() -> None:
    source = entry("a", 1)

    ours = Refused.because(source, InvalidRow("too wide"))
    other = Refused.because(source, ValueError("my words"))

    assert ours == Refused(source, "too wide", "InvalidRow")
    assert other == Refused(source, "cannot be made a row", "ValueError")


def test_row_that_cannot_be_made_is_refused_and_its_neighbours_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = message_row

    def fails(table: str, event: Message, received_ms: int) -> RowWrite:
        if event.session_id == "bad":
            raise OverflowError
        return make(table, event, received_ms)

    monkeypatch.setattr(batches, "message_row", fails)
    batch = build_batch([entry("a", 1), entry("bad", 2), entry("a", 3)], NAMES)

    assert [kept.source.entry_id for kept in batch.entries] == ["1-0", "3-0"]
    assert [letter.error for letter in batch.refused] == ["OverflowError"]


def test_row_tells_when_its_event_was_received() -> None:
    (row, _) = build_batch([entry("a", 1)], NAMES).rows

    assert ("received_ms", 7) in row.columns


def test_what_was_forgotten_since_it_was_received_is_left_out() -> None:
    malformed = StreamEntry("2-0", b'{"user_id": "u", "session_id": "a", "type": "odd"}', 7)
    later = replace(entry("a", 3), received_ms=8)
    asked: list[Collection[Pair]] = []

    def upto(pairs: Collection[Pair]) -> dict[Pair, int]:
        asked.append(pairs)
        return {("u", "a"): 7}

    batch = build_batch([entry("a", 1), malformed, later, entry("b", 4), FORGET], NAMES, upto)

    assert asked == [{("u", "a"), ("u", "b")}]
    assert [source.entry_id for source in batch.forgotten] == ["1-0", "2-0"]
    assert [kept.source.entry_id for kept in batch.entries] == ["3-0", "4-0", "5-0"]
    assert batch.refused == []


@pytest.mark.parametrize(
    ("raw", "pair"),
    [
        (b'{"user_id": "u", "session_id": "a"', None),  # nothing can be told
        (b'{"user_id": 7, "session_id": "a"}', None),
        (b'{"user_id": "u", "session_id": "a"}', ("u", "a")),
        (b'{"user_id": "u", "session_id": 7}', ("u", None)),
        (b'{"user_id": "u"}', ("u", None)),
    ],
)
def test_malformed_entry_is_whose_it_says(raw: bytes, pair: Pair | None) -> None:
    assert pair_of(StreamEntry("1-0", raw, 7), None) == pair


def test_waiting_error_of_one_row_is_told_for_each_entry_that_waits_for_it() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2)], NAMES)

    outcome = Outcome.of(batch, {0: Throttled("x"), 1: InvalidRow("y")})

    assert [kept.source.entry_id for kept in outcome.stored] == ["2-0"]
    assert [letter.reason for letter in outcome.refused] == ["y"]  # final counts more
    assert outcome.waiting == []


def test_refused_entries_stand_in_the_order_of_the_stream() -> None:
    batch = build_batch([entry("a", 9), StreamEntry("10-0", b"{", 7), entry("b", 11)], NAMES)

    late = replace(entry("a", 9), entry_id="9-10")
    batch.refused.append(Refused.because(late, InvalidRow("x")))

    outcome = Outcome.of(batch, {0: InvalidRow("x"), 2: InvalidRow("x")})

    in_order = ["9-0", "9-10", "10-0", "11-0"]
    assert [letter.source.entry_id for letter in outcome.refused] == in_order


def test_session_row_that_fails_keeps_its_messages_waiting_and_no_others() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2), entry("a", 3)], NAMES)

    outcome = Outcome.of(batch, {1: Throttled("slow down")})

    assert [kept.source.entry_id for kept in outcome.stored] == ["2-0"]
    assert outcome.refused == []
    assert len(outcome.waiting) == 2


def test_final_error_of_a_row_refuses_its_entry_with_class_and_reason() -> None:
    batch = build_batch([entry("a", 1), entry("b", 2)], NAMES)

    outcome = Outcome.of(batch, {0: InvalidRow("too wide")})

    assert [kept.source.entry_id for kept in outcome.stored] == ["2-0"]
    assert [(r.source.entry_id, r.reason, r.error) for r in outcome.refused] == [
        ("1-0", "too wide", "InvalidRow")
    ]


def test_nothing_is_covered_where_nothing_is_forgotten() -> None:
    source = StreamEntry("1-0", b"", 0)

    assert not is_covered(source, ("u", "a"), {})
    assert is_covered(source, ("u", "a"), {("u", "a"): 0})
    assert not is_covered(source, None, {("u", "a"): 0})


def test_only_cause_is_told() -> None:
    one = Throttled("slow down")

    assert gravest([one]) is one


def test_cause_that_everybody_meets_is_told_before_one_row_s() -> None:
    everybody = BadCredentials("wrong key")

    assert gravest([Throttled("slow down"), everybody]) is everybody
