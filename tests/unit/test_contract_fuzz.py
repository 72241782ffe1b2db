"""The contract's promise, for events at its edges and beyond: what it lets through can be stored, read, published
once more and shown; what it refuses it refuses with a short reason that quotes nothing.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import tablestore as ots
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tablestore.encoder import OTSProtoBufferEncoder

from tablestore_memory.producer import MalformedEvent, from_line
from tablestore_memory.protocol.checks import MAX_DEPTH
from tablestore_memory.protocol.events import Message, Remember, decode, encode
from tablestore_memory.worker.stores.events import event_of
from tablestore_memory.worker.stores.fields import RESERVED
from tablestore_memory.worker.stores.memories import Memories
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.rows import RowWrite, message_row
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.tables import TableNames, connect, create_all
from tablestore_memory.worker.stores.write import write_rows
from tests.examples import examples
from tests.failures.ingesting import SHARED_TABLES

MARK = "§secret§"
DIMENSION = 256
NAMES = TableNames("session", "message", "memory", "history")
ROLES = ("user", "assistant", "system", "tool", "developer", "function")
PARTS = ("text", "data", "image", "audio", "file", "refusal", "input_text", "image_url")

# Texts that a reader of JSON, a store or a terminal may stumble over; each is known by its mark.
odd_texts = st.sampled_from(
    [
        *("", "7", "true", "null", '{"a": 1}', "NaN", " [1] ", "[" * 900, "9" * 5_000, "\ufeff1"),
        *("a\0b", "\ud83d", "\ud83d\ude00", "x" * 2_000, "\x1b]52;c;\x07", "\\u0000"),
    ]
)
texts = st.builds(lambda text: MARK + text, st.text(st.characters(codec=None), max_size=20))
texts = texts | odd_texts
ids = st.text(st.characters(codec=None), min_size=1, max_size=30).map(lambda text: MARK + text)
ids = ids.filter(lambda one: "\0" not in one and one.isprintable())
ids = ids | st.sampled_from(["é" * 512, "s" * 1_024, "[" * 1_000])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**40])
    | st.floats()
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def nested(levels: int) -> Any:
    value: Any = MARK
    for _ in range(levels):
        value = [value]
    return value


deep = st.sampled_from([MAX_DEPTH - 2, MAX_DEPTH, MAX_DEPTH + 1, 200]).map(nested)
objects = st.dictionaries(texts, values, max_size=3)
known_names = st.sampled_from(
    ["data", "image_url", "file_id", "refusal", "index", "delta", "error", "object", "stands_for"]
)
parts = st.builds(
    lambda kind, rest, known, text: {**rest, **known, **text, "type": kind},
    st.sampled_from(PARTS) | st.builds(MARK.__add__, st.text(max_size=5)),
    objects,
    st.dictionaries(known_names, values | st.just({"code": "c", "message": "m"}), max_size=2),
    st.fixed_dictionaries({}, optional={"text": texts | st.none()}),
)
contents = st.none() | texts | st.lists(parts, max_size=4)
columns = st.sampled_from([*sorted(RESERVED), "status", "code", "usage", "sequence_number", "x"])
fields = st.dictionaries(columns | texts, values, max_size=4)

messages = st.fixed_dictionaries(
    {
        "type": st.just("message"),
        "user_id": ids,
        "session_id": ids,
        "role": st.sampled_from(ROLES),
        "content": contents,
    },
    optional={
        "message_id": ids,
        "name": texts,
        "metadata": objects,
        "message_type": st.sampled_from(["message", "plugin_call", "true", "7"]),
        "fields": fields,
        "utc_offset_min": st.integers(-1_439, 1_439),
        "created_at": st.integers(0, 2**52),
        "tool_calls": values,
        "tool_call_id": scalars,
        "refusal": scalars,
    },
)
documents = st.builds(
    lambda rest, known: {**rest, **known},
    st.dictionaries(columns, values, max_size=3),
    st.fixed_dictionaries(
        {"id": ids},
        optional={
            "type": st.sampled_from(["message", "plugin_call"]),
            "role": st.sampled_from(ROLES),
            "content": contents.filter(lambda content: not isinstance(content, str)),
            "metadata": objects,
        },
    ),
)
memories = st.fixed_dictionaries(
    {
        "type": st.just("remember"),
        "user_id": ids,
        "text": st.builds(MARK.__add__, texts),
        "document": documents,
    }
)
# Of a good event, what is put in the place of one of its fields.
spoilt_ids = st.sampled_from(["é" * 513, "s" * 1_025, "a\0b", "\ud83d", "", 7, None])
spoilt_fields = {
    "user_id": spoilt_ids,
    "session_id": spoilt_ids,
    "role": values,
    "content": values | st.lists(values | parts.map(lambda part: {**part, "text": [MARK]})),
    "metadata": values | deep,
    "fields": values | deep,
    "utc_offset_min": values,
    "created_at": values,
    "message_type": values,
    "text": values,
    "document": values | deep | objects,
    "typo": values,
}
spoils = (
    st.none()
    | st.none()
    | st.sampled_from(sorted(spoilt_fields)).flatmap(
        lambda name: st.tuples(st.just(name), spoilt_fields[name])
    )
)


def spoilt(drafts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda draft, spoil: draft if spoil is None else {**draft, spoil[0]: spoil[1]},
        drafts,
        spoils,
    )


many = settings(
    max_examples=examples(300),
    deadline=None,
    suppress_health_check=[
        *(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
        HealthCheck.function_scoped_fixture,
    ],
)


def accepted(draft: dict[str, Any]) -> Message | Remember | None:
    """The event of a draft, if it makes a row; if it is refused, the refusal is a decent one."""
    try:
        event = from_line(draft)
        assert decode(encode(event)) == event
    except MalformedEvent as error:
        told = f"{error} {error.__cause__} {error.field} {error.reason}"
        assert len(str(error)) < 250
        assert MARK not in told
        assert "§" not in told
        return None
    assert isinstance(event, Message | Remember)
    no_row = isinstance(event, Remember) and event.document is None
    return None if no_row else event


def row_of(event: Message | Remember) -> RowWrite:
    if isinstance(event, Message):
        return message_row("message", event, 7)
    return _MEMORIES.document(event, str((event.document or {})["id"]), [0.0] * DIMENSION, 7)


_MEMORIES = Memories(cast(Any, None), NAMES)  # makes rows; nothing is connected


def encoded(row: RowWrite) -> bytes:
    """What the SDK would send."""
    item = ots.PutRowItem(
        ots.Row(list(row.key), list(row.columns)),
        ots.Condition(ots.RowExistenceExpectation.IGNORE),
    )
    request = ots.BatchWriteRowRequest()
    request.add(ots.TableInBatchWriteRowItem(row.table, [item]))
    proto = OTSProtoBufferEncoder("utf8").encode_request("BatchWriteRow", request)
    return bytes(proto.SerializeToString())


@given(draft=spoilt(messages))
@many
def test_message_that_is_let_through_can_be_stored_and_published_once_more(
    draft: dict[str, Any],
) -> None:
    event = accepted(draft)
    if event is None:
        return

    row = row_of(event)

    assert encoded(row)
    key, stored = dict(row.key), dict(row.columns)
    assert stored["user_id"] == event.user_id
    for name in ("content_list", "metadata", "other_fields"):
        json.loads(str(stored.get(name, "{}")))
    read = MessageRow(
        str(key["session_id"]),
        int(key["create_time"]),
        str(key["message_id"]),
        stored,
        written_ms=0,
    )
    again = event_of(read, event.user_id, NAMES)
    assert again is not None
    assert row_of(again) == row


@given(draft=spoilt(memories))
@many
def test_document_that_is_let_through_can_be_stored(draft: dict[str, Any]) -> None:
    event = accepted(draft)
    if event is None:
        return

    row = row_of(event)

    assert encoded(row)
    assert dict(row.columns)["user_id"] == event.user_id
    assert dict(row.columns)["kind"] == "document"


@given(line=st.binary(max_size=60) | st.text(max_size=60) | values.map(json.dumps))
@many
def test_line_of_anything_is_an_event_or_refused(line: bytes | str) -> None:
    for read in (from_line, lambda one: decode(one if isinstance(one, bytes) else one.encode())):
        try:
            read(line)
        except UnicodeEncodeError:
            assert isinstance(line, str)  # the test's own `encode`
        except MalformedEvent as error:
            assert len(str(error)) < 250
            assert MARK not in str(error)


@pytest.fixture(scope="module")
def store(tablestore_url: str) -> Iterator[tuple[ots.OTSClient, TableNames]]:
    client = connect(tablestore_url, "local", "local", "local")
    names = TableNames(*SHARED_TABLES.values())
    create_all(client, names, DIMENSION)
    yield client, names


@given(drafts=st.lists(spoilt(messages | memories), min_size=1, max_size=8))
@settings(parent=many, max_examples=25)
def test_all_that_is_let_through_is_stored_and_read_back(
    store: tuple[ots.OTSClient, TableNames], drafts: list[dict[str, Any]]
) -> None:
    client, names = store
    sessions, memories = Sessions(client, names), Memories(client, names)
    events = [event for draft in drafts if (event := accepted(draft)) is not None]
    said = {
        (event.session_id, event.created_at, event.message_id): event
        for event in events
        if isinstance(event, Message)
    }
    kept = {
        row.key: row for event in events if isinstance(event, Remember) for row in [row_of(event)]
    }

    rows = [message_row(names.message, event, 7) for event in said.values()]
    rows += [RowWrite(names.memory, row.key, row.columns) for row in kept.values()]
    for row in rows:  # ids come again in other examples, and a row stays its first user's
        anyway = ots.Condition(ots.RowExistenceExpectation.IGNORE)
        client.delete_row(row.table, ots.Row(list(row.key)), anyway)
    failures = write_rows(client, rows)

    assert failures == {}
    for (session_id, created_at, message_id), event in said.items():
        found = sessions.messages(event.user_id, session_id, since=created_at)
        read = {one.message_id: one for one in found}
        assert read[message_id].utc_offset_min == event.utc_offset_min
    found_ids = {one.memory.document_id for one in memories.get([str(k[0][1]) for k in kept])}
    assert found_ids == {key[0][1] for key in kept}
