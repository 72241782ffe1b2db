"""The rows of messages and sessions, as AgentScope's services write them."""

import json
from typing import Any

from tablestore_memory.protocol.events import Message
from tablestore_memory.worker.stores.rows import message_row, session_row


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


def test_text_that_looks_like_json_stays_text() -> None:
    assert columns(content='{"a": 1}')["content"] == '{"a": 1}'


def test_session_only_moves_forward() -> None:
    row = session_row("session", "u", "s", 5)

    assert (row.kind, row.only_newer) == ("update", "update_time")
    assert dict(row.columns) == {"update_time": 5}
