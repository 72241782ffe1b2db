"""The event contract: what is let through, what is refused, and how a refusal reads."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import ValidationError

from tablestore_memory.producer import MalformedEvent, UnknownType, UnknownVersion, from_line
from tablestore_memory.protocol.events import (
    MAX_EVENT_BYTES,
    DeleteMemory,
    EditMemory,
    Forget,
    Message,
    Remember,
    SessionEnd,
    decode,
    encode,
    partition_key,
)
from tablestore_memory.protocol.refusals import invalid
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.protocol.text_messages import encode_text_message

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
LINE: dict[Any, Any] = {
    "type": "message",
    "user_id": "u1",
    "session_id": "s1",
    "role": "user",
    "content": "hi",
}
EDIT: dict[str, Any] = {
    "type": "edit_memory",
    "user_id": "u1",
    "memory_id": "m1",
    "text": "likes tea",
}


def message(**fields: Any) -> Message:
    return Message(
        **{
            "event_id": "e1",
            "user_id": "u1",
            "session_id": "s1",
            "message_id": "m1",
            "created_at": 1_700_000_000_000_000,
            "role": "user",
            "content": "hi",
            **fields,
        }
    )


@given(content=TEXT, user_id=TEXT.filter(lambda text: len(text.encode()) <= 1024))
def test_any_text_comes_back_as_it_was(content: str, user_id: str) -> None:
    event = message(content=content, user_id=user_id)

    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "event",
    [
        message(
            content=[{"type": "data", "data": {"name": "weather"}}],
            message_type="plugin_call",
            role="assistant",
            name="agent",
            metadata={"a": [1, None]},
            fields={"status": "completed"},
        ),
        SessionEnd(event_id="e1", user_id="u1", session_id="s1", created_at=1),
        Remember(event_id="e1", user_id="u1", text="likes tea", created_at=1),
        EditMemory(event_id="e1", user_id="u1", created_at=1, memory_id="m", text="likes tea"),
        EditMemory(event_id="e1", user_id="u1", created_at=1, memory_id="m", event_start=""),
        DeleteMemory(event_id="e1", user_id="u1", created_at=1, memory_id="m"),
        Forget(event_id="e1", user_id="u1", created_at=1),
    ],
)
def test_each_type_of_event_comes_back_as_it_was(event: Any) -> None:
    assert decode(encode(event)) == event


def nested(levels: int) -> Any:
    value: Any = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["", "s" * 1024, "é" * 300, "é" * 513, "x" * 1025, "\\u0000", "a\0b", "\ud83d", "y" * 300_000]
)


ANY_ID: st.SearchStrategy[Any] = ANY_TEXT | st.sampled_from(["", None, 5, b"bytes"])


@given(
    ids=st.tuples(ANY_ID, ANY_ID, ANY_ID, ANY_ID),
    role=st.sampled_from(["user", "function", "robot", 5, None, ["user"]]),
    content=ANY_TEXT | st.sampled_from([None, 5, b"bytes", ["parts"]]),
)
@settings(deadline=None)
def test_quick_way_gives_what_the_thorough_one_gives_or_nothing(
    ids: tuple[Any, Any, Any, Any], role: Any, content: Any
) -> None:
    event_id, user_id, session_id, message_id = ids
    fields = {"event_id": event_id, "user_id": user_id, "session_id": session_id, "created_at": 1}
    event = message(**fields, message_id=message_id, role=role, content=content)

    quick = encode_text_message(event_id, user_id, 1, session_id, message_id, role, content)

    if quick is not None:
        assert quick == encode(event)


def test_ordinary_message_goes_the_quick_way() -> None:
    given = ("e" * 32, "ana", 1, "session", "m" * 32, "assistant")

    assert encode_text_message(*given, 'All "quoted" and\nlong. ' * 1_000)
    assert encode_text_message(*given, "")
    assert encode_text_message(*given, r"the escape \u0000") is None


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    # case: (fields, field that is named, part of the reason)
    "empty id": ({"user_id": ""}, "user_id", "length >= 1"),
    "id over 1024 characters": ({"session_id": "s" * 1025}, "session_id", "length <= 1024"),
    "id over 1024 bytes": ({"message_id": "é" * 513}, "message_id", "1024 bytes"),
    "id of another type": ({"user_id": 5}, "user_id", "Expected `str`, got `int`"),
    "half a pair in an id": ({"user_id": "\ud800"}, "user_id", "surrogate"),
    "NUL in an id": ({"session_id": "a\0b"}, "session_id", "NUL"),
    "content of another type": ({"content": 5}, "content", "Expected `str | array | null`"),
    "part that is no object": ({"content": ["hi"]}, "content[0]", "Expected `object`"),
    "part without a type": ({"content": [{"text": "hi"}]}, "content[0].type", "missing"),
    "part whose type is no text": ({"content": [{"type": 5}]}, "content[0].type", "must be a text"),
    "part whose type is long": (
        {"content": [{"type": "text"}, {"type": "t" * 129}]},
        "content[1].type",
        "1 to 128 characters",
    ),
    "text part without text in it": (
        {"content": [{"type": "text", "text": {"a": 1}}]},
        "content[0].text",
        "must be a text",
    ),
    "text part of a number": (
        {"content": [{"type": "image_url"}, {"type": "text", "text": 5}]},
        "content[1].text",
        "must be a text",
    ),
    "unknown role": ({"role": "robot"}, "role", "must be one of"),
    "stamp before 1970": ({"created_at": -1}, "created_at", ">= 0"),
    "stamp in nanoseconds": ({"created_at": 1_700_000_000_000_000_000}, "created_at", "<="),
    "a day ahead": ({"utc_offset_min": 1440}, "utc_offset_min", "<= 1439"),
    "a day behind": ({"utc_offset_min": -1440}, "utc_offset_min", ">= -1439"),
    "zone in words": ({"utc_offset_min": "soon"}, "utc_offset_min", "Expected `int`, got `str`"),
    "fields that are no object": ({"fields": [1]}, "fields", "Expected `object`"),
    "not JSON": ({"metadata": {"a": object()}}, "metadata", "objects of type object"),
    "key that is no text": ({"metadata": {None: 1}}, "metadata", "not JSON"),
    "endless number": ({"metadata": {"a": 10**5000}}, "metadata", "not JSON"),
    "content too deep": ({"content": [{"type": "data", "data": nested(63)}]}, "content", "64 deep"),
    "metadata too deep": ({"metadata": {"a": nested(64)}}, "metadata", "64 deep"),
    "fields too deep": ({"fields": {"a": nested(64)}}, "fields", "64 deep"),
    "tool calls too deep": ({"tool_calls": nested(65)}, "tool_calls", "64 deep"),
    "deeper than Python goes": ({"metadata": {"a": nested(100_000)}}, "metadata", "64 deep"),
    "too large": ({"content": "x" * MAX_EVENT_BYTES}, "event", "more than 262144"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_event_is_refused_with_field_and_reason(case: str) -> None:
    fields, field, reason = REFUSED[case]

    with pytest.raises(MalformedEvent) as caught:
        encode(message(**fields))

    assert caught.value.field == field
    assert reason in caught.value.reason


NO_DOCUMENT: dict[str, tuple[dict[str, Any], str, str]] = {
    "no id": ({"content": []}, "document.id", "missing"),
    "id of another type": ({"id": 5}, "document.id", "Expected `str`, got `int`"),
    "id over 1024 bytes": ({"id": "é" * 513}, "document.id", "1024 bytes"),
    "unknown role": ({"id": "d1", "role": "robot"}, "document.role", "must be one of"),
    "content that is text": ({"id": "d1", "content": "hi"}, "document.content", "`array | null`"),
    "text that is none": (
        {"id": "d1", "content": [{"type": "text", "text": {"a": 1}}]},
        "document.content[0].text",
        "must be a text",
    ),
    "metadata of another type": (
        {"id": "d1", "metadata": ["a"]},
        "document.metadata",
        "`object | null`",
    ),
    "too deep": ({"id": "d1", "sources": nested(64)}, "document", "64 deep"),
}


@pytest.mark.parametrize("case", NO_DOCUMENT)
def test_document_that_no_reader_could_read_is_refused(case: str) -> None:
    document, field, reason = NO_DOCUMENT[case]
    event = Remember(event_id="e1", user_id="u1", text="hi", created_at=1, document=document)

    with pytest.raises(MalformedEvent) as caught:
        encode(event)

    assert caught.value.field == field
    assert reason in caught.value.reason


OPENAI: dict[str, dict[str, Any]] = {
    "text": {"role": "user", "content": "hi"},
    "instructions": {"role": "developer", "content": "Be brief."},
    "image": {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ],
    },
    "audio and file": {
        "role": "user",
        "content": [
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            {"type": "file", "file": {"file_id": "f1"}},
        ],
    },
    "tool calls": {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    "tool result": {"role": "tool", "tool_call_id": "c1", "content": "21 °C"},
    "function result": {"role": "function", "name": "f", "content": "21 °C"},
    "refusal": {"role": "assistant", "content": None, "refusal": "I cannot."},
    "spoken": {"role": "assistant", "content": None, "audio": {"id": "a1"}},
    "thought": {"role": "assistant", "content": "42", "reasoning_content": "six times seven"},
    "nothing": {"role": "assistant", "content": ""},
    "no content at all": {"role": "assistant", "tool_calls": [{"id": "c1"}]},
}


@pytest.mark.parametrize("case", OPENAI)
def test_openai_message_goes_in_as_it_is(case: str) -> None:
    said = OPENAI[case]

    event = decode(
        encode(from_line({"type": "message", "user_id": "u", "session_id": "s", **said}))
    )

    assert {name: getattr(event, name) for name in said} == said


def test_objects_of_an_sdk_are_kept_as_what_they_hold() -> None:
    class Call:
        """As the models of pydantic are, which the OpenAI SDK is made of."""

        def model_dump(self) -> dict[str, Any]:
            return {"id": "c1", "function": {"name": "f"}}

    event = decode(encode(message(tool_calls=[Call()])))

    assert isinstance(event, Message)
    assert event.tool_calls == [{"id": "c1", "function": {"name": "f"}}]


def test_what_is_deep_but_not_too_deep_passes() -> None:
    event = message(metadata={"a": nested(63)}, fields={"b": [{}] * 100})

    assert decode(encode(event)) == event


@pytest.mark.parametrize("number", [2**63, -(2**64), 10**100, 1e308])
def test_large_numbers_are_kept(number: float) -> None:
    event = message(metadata={"n": number}, fields={"n": number})

    assert decode(encode(event)) == event


def test_what_is_no_number_becomes_null_as_in_json() -> None:
    event = decode(encode(message(metadata={"n": [float("nan"), float("inf")]})))

    assert isinstance(event, Message)
    assert event.metadata == {"n": [None, None]}


def test_endless_metadata_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless

    with pytest.raises(MalformedEvent) as caught:
        encode(message(metadata=endless))

    assert caught.value.field == "metadata"


def test_backslash_u0000_as_text_is_no_nul() -> None:
    event = message(content=r"the escape \u0000")

    assert decode(encode(event)) == event


def test_event_of_the_largest_size_passes() -> None:
    room = MAX_EVENT_BYTES - len(encode(message(content="x"))) + 1

    assert len(encode(message(content="x" * room))) == MAX_EVENT_BYTES


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b'{"type": "shout"}', UnknownType, "type: must be one of message, session_end, remember"),
        (b'{"type": "shout", "v": 2}', UnknownVersion, "v: later than this version reads"),
        (b'{"type": "message"}', MalformedEvent, "event_id: missing"),
        (b"[]", MalformedEvent, "event: must be a JSON object"),
        (b'{"type": 1}', UnknownType, "type: must be one of message"),
        (b'{"type": "message", "fields": {"a": 1e400}}', MalformedEvent, "fields[...]: Number out"),
        (b'{"metadata": NaN}', MalformedEvent, "event: not JSON"),
        (
            b'{"type": "forget", "a": ' + b"[" * 100_000,
            MalformedEvent,
            "event: nested more than 64",
        ),
        (b"{", MalformedEvent, "event: not JSON"),
        (b"\xff", MalformedEvent, "event: not JSON"),
        (b'{"type": "\xff"}', MalformedEvent, "event: not JSON"),
    ],
)
def test_undecodable_entry_says_what_is_wrong(
    data: bytes, error: type[MalformedEvent], text: str
) -> None:
    with pytest.raises(MalformedEvent) as caught:
        decode(data)

    assert type(caught.value) is error
    assert str(caught.value).startswith(text)


def test_words_of_a_library_are_not_repeated_unless_they_are_known_to_quote_nothing() -> None:
    refused = invalid(ValidationError("Cannot stand 'my secret' - at `$.content[0]`"))

    assert str(refused) == "content[0]: not as docs/events.md has it"


def test_place_that_a_text_names_is_not_taken_for_the_place() -> None:
    with pytest.raises(MalformedEvent) as caught:
        encode(message(role="x' - at `$.user_id`"))

    assert str(caught.value) == "role: must be one of those in docs/events.md"


def test_later_version_is_not_guessed_at() -> None:
    data = encode(message()).replace(b'"event_id"', b'"v":2,"event_id"')

    with pytest.raises(UnknownVersion):
        decode(data)


def test_unknown_field_of_a_newer_publisher_is_ignored() -> None:
    data = encode(message()).replace(b'"event_id"', b'"mood":"fine","event_id"')

    assert decode(data) == message()


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (1_700_000_000_000_000, 1_700_000_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-15T06:13:20.000001+08:00", 1_700_000_000_000_001),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 1_700_000_000_000_000),
        (
            datetime(2023, 11, 15, 6, 13, 20, tzinfo=timezone(timedelta(hours=8))),
            1_700_000_000_000_000,
        ),
    ],
)
def test_line_tells_time_as_people_write_it(written: object, micros: int) -> None:
    assert from_line({**LINE, "created_at": written}).created_at == micros


def test_line_gets_the_ids_and_the_stamp_it_lacks() -> None:
    first, second = from_line(LINE), from_line(LINE)

    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert first.message_id == first.event_id != second.event_id
    assert abs(first.created_at / 1e6 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "line: not JSON"),
        (b"[1]", "line: must be a JSON object"),
        (b"{}", "type: missing"),
        (b'{"type": "shout"}', "type: must be one of message, session_end"),
        (b'{"type": "forget", "user_id": "' + b"\xff" + b'"}', "line: not JSON"),
        (b"[" * 100_000, "line: not JSON"),
        ({**LINE, "I like tea.": 1}, "line: unknown field of a message"),
        ({**LINE, 5: 1}, "line: unknown field of a message"),
        ({**LINE, "creatd_at": 1}, "creatd_at: unknown field of a message"),
        ({**LINE, "created_at": "2023-11-14T22:13:20"}, "created_at: without a time zone"),
        ({**LINE, "created_at": "yesterday"}, "created_at: not ISO 8601"),
        ({**LINE, "created_at": True}, "created_at: must be ISO 8601"),
        ({**LINE, "event_id": ""}, "event_id: Expected `str` of length >= 1"),
        ({**LINE, "user_id": "\ud800"}, "user_id: holds half a surrogate pair"),
        (b'{"type": "forget", "user_id": "\\ud800"}', "user_id: holds half a surrogate pair"),
        ({"type": "remember", "user_id": "u1"}, "text: missing"),
        ({**EDIT, "text": None}, "text: missing, and so is all else that could be edited"),
        ({**EDIT, "text": ""}, "text: Expected `str` of length >= 1"),
        ({**EDIT, "kind": "mood"}, "kind: must be one of"),
        ({**EDIT, "event_start": "2023-02-30"}, "event_start: not in the calendar"),
        ({**EDIT, "event_end": "0000"}, "event_end: not in the calendar"),
        ({**EDIT, "event_end": "yesterday"}, "event_end: must be 2023-05-07, 2023-05 or 2023"),
        ({**EDIT, "event_end": "2023-05-07\n"}, "event_end: must be 2023-05-07, 2023-05"),
        ({**EDIT, "session_id": "s1"}, "session_id: unknown field"),
        ({"type": "delete_memory", "user_id": "u1"}, "memory_id: missing"),
        ({"type": "delete_memory", "user_id": "u1", "memory_id": "é" * 513}, "memory_id: longer"),
    ],
)
def test_bad_line_names_its_field(line: Any, text: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        from_line(line)

    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\ud83db", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),  # the halves of one character, as a stream cut it
        ("a\0b", "a\ufffdb"),
        ({"\ude00": ["\0", 1]}, {"\ufffd": ["\ufffd", 1]}),
    ],
)
def test_text_that_nothing_can_carry_is_mended_where_it_is_said(said: Any, kept: Any) -> None:
    event = from_line({**LINE, "metadata": {"a": said}})

    assert isinstance(event, Message)
    assert event.metadata == {"a": kept}


@pytest.mark.parametrize("day", ["", "2024", "2024-02", "2024-02-29", "2024-02-29~"])
def test_edit_takes_a_day_as_exact_as_it_is_known(day: str) -> None:
    event = from_line({**EDIT, "event_start": day, "event_end": day})

    assert isinstance(event, EditMemory)
    assert (event.event_start, event.event_end) == (day, day)


def test_endless_text_that_cannot_be_mended_is_refused() -> None:
    endless: dict[str, Any] = {"text": "\ud800"}
    endless |= {"a": endless, "b": endless}

    with pytest.raises(MalformedEvent, match="metadata: "):
        from_line({**LINE, "metadata": endless})


def test_zone_of_seconds_is_cut_to_minutes() -> None:
    west = timezone(-timedelta(hours=23, minutes=59, seconds=59))

    event = from_line({**LINE, "created_at": datetime(2023, 11, 14, tzinfo=west)})

    assert isinstance(event, Message)
    assert event.utc_offset_min == -1439


def test_partition_follows_the_session_and_else_the_user() -> None:
    forget_all = Forget(event_id="e1", user_id="u1", created_at=1)

    assert partition_key(message()) == "s1"
    assert partition_key(forget_all) == "u1"
    assert partition_key(from_line(EDIT)) == "u1"


def test_partition_is_the_same_in_every_language() -> None:
    # CRC-32 as in zlib, PHP's crc32() or Node's zlib.crc32: "123456789" is its check value.
    assert Streams("memory", 1 << 32).partition("123456789") == 0xCBF43926
    assert Streams("m", 8).events(3) == "m:{3}:events"
