"""The rows of messages and sessions, as AgentScope's services write them."""

import json
from typing import Any, get_args

import pytest

from tablestore_memory.protocol.events import Message, Remember, Role
from tablestore_memory.worker.stores.documents import document_row, key
from tablestore_memory.worker.stores.events import event_of
from tablestore_memory.worker.stores.fields import RESERVED
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.parts import spoken
from tablestore_memory.worker.stores.rows import message_row, session_row
from tablestore_memory.worker.stores.tables import TableNames

NAMES = TableNames("session", "message", "memory", "history")


def message(**more: Any) -> Message:
    fields: dict[str, Any] = {
        "event_id": "e1",
        "user_id": "u",
        "session_id": "s",
        "message_id": "m",
        "created_at": 1_683_554_160_000_001,
        "role": "user",
        "content": "Hello.",
    }
    return Message(**fields | more)


def columns(**more: Any) -> dict[str, Any]:
    return dict(message_row("message", message(**more), 0).columns)


def test_key_is_session_stamp_and_message() -> None:
    row = message_row("message", message(), 0)

    assert row.key == (
        ("session_id", "s"),
        ("create_time", 1_683_554_160_000_001),
        ("message_id", "m"),
    )


@pytest.mark.parametrize("role", get_args(Role))
@pytest.mark.parametrize("said", ["Hello.", "7", '{"a": 1}', "我喜欢喝绿茶。🍵"])
def test_text_is_the_same_row_as_a_part_that_is_that_text(role: Role, said: str) -> None:
    part = {"type": "text", "text": said}

    assert message_row("message", message(role=role, content=said), 7) == message_row(
        "message", message(role=role, content=[part]), 7
    )


def test_first_text_stands_in_content_and_the_parts_without_it_beside() -> None:
    parts = [
        {"type": "image", "image_url": "https://example.com/cat.png"},
        {"type": "text", "text": "A cat."},
        {"type": "text", "text": "Another."},
    ]

    row = columns(content=parts)

    assert row["content"] == "A cat."
    assert json.loads(row["content_list"]) == [
        {"type": "image", "image_url": "https://example.com/cat.png"},
        {"type": "text"},
        {"type": "text", "text": "Another."},
    ]
    assert parts[1] == {"type": "text", "text": "A cat."}


def test_tool_call_keeps_its_parts_whole_and_has_no_content() -> None:
    call = {"type": "data", "data": {"name": "search", "arguments": '{"q": "tea"}'}}

    row = columns(content=[call], message_type="plugin_call", role="assistant")

    assert "content" not in row
    assert row["type"] == "plugin_call"
    assert json.loads(row["content_list"]) == [call]


def test_every_field_is_a_string_and_what_is_null_is_left_out() -> None:
    row = columns(
        name="Ana",
        metadata={"mood": "good"},
        fields={"status": "created", "usage": {"tokens": 3}, "code": None, "sequence_number": 7},
    )

    assert row.pop("received_ms") == 0
    assert all(isinstance(value, str) for value in row.values())
    assert row["status"] == "created"
    assert row["sequence_number"] == "7"
    assert json.loads(row["usage"]) == {"tokens": 3}
    assert json.loads(row["metadata"]) == {"mood": "good", "name": "Ana"}
    assert "code" not in row


PARTS = {
    # case: (the part as said, the part as AgentScope can read it)
    "image of OpenAI": (
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {
            "type": "data",
            "data": {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            "stands_for": {},
        },
    ),
    "known type, other fields": (
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "data", "data": {"type": "file", "file": {"file_id": "f1"}}, "stands_for": {}},
    ),
    "known field, other type": (
        {"type": "audio", "data": {"a": 1}},
        {"type": "data", "data": {"type": "audio", "data": {"a": 1}}, "stands_for": {}},
    ),
    "text of OpenAI's Responses": (
        {"type": "output_text", "annotations": [], "text": "hi"},
        {"type": "text", "text": "hi", "stands_for": {"type": "output_text", "annotations": []}},
    ),
    "text with a field of another type": (
        {"type": "text", "text": "hi", "index": "first"},
        {"type": "text", "text": "hi", "stands_for": {"type": "text", "index": "first"}},
    ),
    "text with a field of its own": (
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
    ),
    "text that looks stored": (
        {"type": "text", "text": "hi", "stands_for": {"type": "x"}},
        {
            "type": "text",
            "text": "hi",
            "stands_for": {"type": "text", "stands_for": {"type": "x"}},
        },
    ),
    "one that looks stored": (
        {"type": "data", "data": {"type": "x"}, "stands_for": {}},
        {
            "type": "data",
            "data": {"type": "data", "data": {"type": "x"}, "stands_for": {}},
            "stands_for": {},
        },
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_part_that_agentscope_cannot_read_stands_as_one_that_it_can(case: str) -> None:
    said, stored = PARTS[case]

    row = columns(content=[said], message_type="plugin_call")

    assert json.loads(row["content_list"]) == [stored]


def test_words_in_a_part_of_another_type_are_the_messages_text() -> None:
    row = columns(content=[{"type": "input_text", "text": "I like tea."}])

    assert row["content"] == "I like tea."


@pytest.mark.parametrize(("role", "there"), [("developer", "system"), ("function", "tool")])
def test_role_that_agentscope_does_not_know_is_kept_beside_one_that_it_does(
    role: str, there: str
) -> None:
    row = columns(role=role)

    assert (row["role"], row["original_role"]) == (there, role)


def test_message_without_content_has_no_parts() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]

    row = columns(role="assistant", content=None, tool_calls=calls)

    assert "content" not in row
    assert "content_list" not in row
    assert json.loads(row["tool_calls"]) == calls


@pytest.mark.parametrize(
    "fields",
    [
        dict.fromkeys(RESERVED, "theirs"),
        {"not a name": 1, "9lives": 2, "": 3, "n" * 256: 4, "café": 5},
        {"status": 5, "code": 500, "usage": "much", "error": "oops", "sequence_number": "first"},
    ],
)
def test_field_that_can_be_no_column_is_kept_beside_the_columns(fields: dict[str, Any]) -> None:
    plain = columns()

    row = columns(fields=fields)

    assert json.loads(row.pop("other_fields")) == fields
    assert row == plain


def test_fields_beyond_what_a_row_can_hold_are_kept_together() -> None:
    fields = {f"field_{n}": n for n in range(5_000)}

    row = columns(fields=fields)

    others = json.loads(row["other_fields"])
    assert len(row) < 200
    assert {**{n: int(v) for n, v in row.items() if n in fields}, **others} == fields


def test_every_column_of_ours_is_reserved() -> None:
    said = columns(role="developer", name="Ana", utc_offset_min=60, fields={"a b": 1})
    document = {"id": "d1", "content": [{"type": "text", "text": "hi"}], "metadata": {}}
    event = Remember(event_id="e", user_id="u", text="hi", created_at=1, document=document)
    kept = dict(document_row("memory", key("d1"), event, [0.5], 7).columns)

    assert {*said, *kept} - {"object", "status"} <= RESERVED


def test_document_cannot_be_another_users_nor_break_its_readers() -> None:
    document = {
        "id": "d1",
        "content": [{"type": "text", "text": "Mine."}],
        "user_id": "bob",
        "text": {"a": 1},
        "sources": ["https://example.com"],
        "embedding": "[]",
        "valid_from": "soon",
        "confidence": "high",
        "tenant_id": "theirs",
    }
    event = Remember(event_id="e", user_id="ann", text="Mine.", created_at=7, document=document)

    row = dict(document_row("memory", key("d1"), event, [0.5], 7).columns)

    assert (row["user_id"], row["text"], row["embedding"]) == ("ann", "Mine.", "[0.5]")
    assert row["valid_from"] == 7
    assert not {"sources", "confidence", "tenant_id"} & row.keys()
    theirs = {name: document[name] for name in document if name not in ("id", "content")}
    assert json.loads(str(row["other_fields"])) == theirs


SAID: list[dict[str, Any]] = [
    {"content": [said for said, _ in PARTS.values()]},
    {"content": [said for said, _ in PARTS.values()], "message_type": "plugin_call"},
    {"content": "", "role": "developer"},
    {"content": [], "role": "function", "name": "f"},
    {"content": None, "tool_calls": [{"id": "c1"}], "refusal": "no", "audio": {"id": "a"}},
    {"content": "hi", "fields": {"user_id": "bob", "a b": [1], "code": 5, "x": True, "y": "7"}},
    {"content": "hi", "fields": {"status": 5, "usage": {}, **{f"f{n}": n for n in range(500)}}},
    {"content": "hi", "message_type": "true", "metadata": {}, "utc_offset_min": -90},
    {"content": [{"type": "text"}, {"type": "input_text"}, {"type": "text", "text": "later"}]},
]


@pytest.mark.parametrize("said", SAID)
def test_row_gives_back_the_event_that_made_it(said: dict[str, Any]) -> None:
    row = message_row("message", message(**said), 7)
    read = MessageRow("s", 1_683_554_160_000_001, "m", dict(row.columns), written_ms=0)

    event = event_of(read, "u", NAMES)

    assert event is not None
    assert message_row("message", event, 7) == row
    if not isinstance(said["content"], str):
        assert event.content == message(**said).content
    assert event.role == message(**said).role


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hi", "hi"),
        ("", ""),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb"),
        ([{"type": "image_url"}, {"type": "text", "text": "What is it?"}], "What is it?"),
        ([{"type": "image_url", "image_url": {"url": "data:…"}}], "[image_url]"),
        (
            [{"type": "image", "image_url": "u", "alt": " a red\nbicycle "}],
            "[picture: a red bicycle]",
        ),
        (
            [
                {"type": "text", "text": "Mine!"},
                {"type": "image_url", "image_url": {}, "alt": "a cat"},
            ],
            "Mine!\n[picture: a cat]",
        ),
        (
            [{"type": "file", "filename": "cv.pdf"}, {"type": "text", "text": "My CV"}],
            "[file: cv.pdf]\nMy CV",
        ),
        ([{"type": "input_file", "filename": "cv.pdf"}], "[file: cv.pdf]"),
        ([{"type": "image", "image_url": "u", "alt": " "}], "[image]"),
        ([{"type": "image", "image_url": "u", "alt": {"a": 1}}], "[image]"),
        ([{"type": "audio", "alt": "a song"}, {"type": "text", "text": "Hi"}], "Hi"),
    ],
)
def test_all_that_was_said_is_read_and_what_pictures_are_said_to_show(
    content: Any, text: str
) -> None:
    row = columns(content=content)

    assert spoken(row.get("content"), row.get("content_list", "[]")) == text


def test_parts_that_nobody_of_ours_wrote_are_read_as_far_as_they_go() -> None:
    assert spoken("hi", '[{"text": 1}]') == spoken("hi", "{") == spoken("hi", "[1]") == "hi"


def test_text_that_reads_as_json_somewhere_stays_text() -> None:
    deep, long = "[" * 900 + "]" * 900, "9" * 5_000

    row = columns(fields={"a": deep, "b": long, "c": "7", "d": True, "e": None})

    assert (json.loads(row["b"]), json.loads(row["c"])) == (long, "7")
    assert json.loads(row["a"]) == deep
    assert row["d"] == "true"
    assert "e" not in row


def test_text_that_looks_like_json_stays_text() -> None:
    assert columns(content='{"a": 1}')["content"] == '{"a": 1}'


def test_session_only_moves_forward() -> None:
    row = session_row("session", "u", "s", 5)

    assert (row.kind, row.only_newer) == ("update", "update_time")
    assert dict(row.columns) == {"update_time": 5}


def test_only_a_session_row_that_is_made_says_that_it_was_published() -> None:
    made, moved = session_row("s", "u", "s", 5), session_row("s", "u", "s", 5, if_there=True)

    assert (made.is_put_anew, moved.is_put_anew) == (True, False)
    assert dict(made.made) == {"memory_published": True}
