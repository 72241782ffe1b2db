"""The event contract: what is let through, what is refused, and how a refusal reads."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablestore_memory.producer import MalformedEvent, UnknownType, UnknownVersion, from_line
from tablestore_memory.protocol.events import (
    MAX_EVENT_BYTES,
    Forget,
    Message,
    Remember,
    SessionEnd,
    decode,
    encode,
    partition_key,
)
from tablestore_memory.protocol.streams import Streams

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
LINE = {"type": "message", "user_id": "u1", "session_id": "s1", "role": "user", "content": "hi"}


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
        Forget(event_id="e1", user_id="u1", created_at=1),
    ],
)
def test_each_type_of_event_comes_back_as_it_was(event: Any) -> None:
    assert decode(encode(event)) == event


REFUSED = {
    # case: (fields, field that is named, part of the reason)
    "empty id": ({"user_id": ""}, "user_id", "length >= 1"),
    "id over 1024 characters": ({"session_id": "s" * 1025}, "session_id", "length <= 1024"),
    "id over 1024 bytes": ({"message_id": "é" * 513}, "message_id", "1024 bytes"),
    "id of another type": ({"user_id": 5}, "user_id", "Expected `str`, got `int`"),
    "lone surrogate": ({"content": "\ud800"}, "content", "lone surrogate"),
    "lone surrogate within": ({"metadata": {"a": ["\ud800"]}}, "metadata", "lone surrogate"),
    "NUL": ({"content": "a\0b"}, "content", "NUL"),
    "NUL within": ({"fields": {"a": {"\0": 1}}}, "fields", "NUL"),
    "empty content": ({"content": ""}, "content", "length >= 1"),
    "no content parts": ({"content": []}, "content", "length >= 1"),
    "part that is no object": ({"content": ["hi"]}, "content[0]", "Expected `object`"),
    "part of unknown type": (
        {"content": [{"type": "text", "text": "a"}, {"type": "video"}]},
        "content[1].type",
        "must be one of",
    ),
    "unknown role": ({"role": "robot"}, "role", "robot"),
    "stamp before 1970": ({"created_at": -1}, "created_at", ">= 0"),
    "stamp in nanoseconds": ({"created_at": 1_700_000_000_000_000_000}, "created_at", "<="),
    "not JSON": ({"metadata": {"a": object()}}, "metadata", "not JSON"),
    "too large": ({"content": "x" * MAX_EVENT_BYTES}, "event", "more than 262144"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_event_is_refused_with_field_and_reason(case: str) -> None:
    fields, field, reason = REFUSED[case]

    with pytest.raises(MalformedEvent) as caught:
        encode(message(**fields))

    assert caught.value.field == field
    assert reason in caught.value.reason


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
        (b'{"type": "shout"}', UnknownType, "type: unknown: 'shout'"),
        (b'{"type": "shout", "v": 2}', UnknownVersion, "v: 2, this version reads 1"),
        (b'{"type": "message"}', MalformedEvent, "event_id: missing"),
        (b"[]", MalformedEvent, "event: must be a JSON object"),
        (b'{"type": 1}', UnknownType, "type: unknown: 1"),
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
        (b'{"type": "shout"}', "type: 'shout' is none of message, session_end"),
        ({**LINE, "creatd_at": 1}, "creatd_at: unknown field of a message"),
        ({**LINE, "created_at": "2023-11-14T22:13:20"}, "created_at: without a time zone"),
        ({**LINE, "created_at": "yesterday"}, "created_at: not ISO 8601"),
        ({**LINE, "created_at": True}, "created_at: must be ISO 8601"),
        ({**LINE, "event_id": ""}, "event_id: Expected `str` of length >= 1"),
        ({**LINE, "content": "\ud800"}, "content: holds a lone surrogate"),
        (b'{"type": "forget", "user_id": "\\ud800"}', "user_id: holds a lone surrogate"),
        ({"type": "remember", "user_id": "u1"}, "text: missing"),
    ],
)
def test_bad_line_names_its_field(line: Any, text: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        from_line(line)

    assert str(caught.value).startswith(text)


def test_partition_follows_the_session_and_else_the_user() -> None:
    forget_all = Forget(event_id="e1", user_id="u1", created_at=1)

    assert partition_key(message()) == "s1"
    assert partition_key(forget_all) == "u1"


def test_partition_is_the_same_in_every_language() -> None:
    # CRC-32 as in zlib, PHP's crc32() or Node's zlib.crc32: "123456789" is its check value.
    assert Streams("memory", 1 << 32).partition("123456789") == 0xCBF43926
    assert Streams("m", 8).events(3) == "m:{3}:events"
