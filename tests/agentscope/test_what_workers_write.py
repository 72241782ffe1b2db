"""Rows of a real worker, read by AgentScope Runtime's own services as its `Message` objects."""

from typing import Any

import pytest

from tablestore_memory.producer import Publisher
from tablestore_memory.protocol.events import Role
from tests.agentscope.messages import eventually, said, texts

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def stored(service: Any, user: str, session: str, count: int) -> list[Any]:
    """The session's messages, once there are so many."""
    found = await eventually(
        lambda: service.get_session(user, session),
        lambda session: len(session.messages) >= count,
        f"{count} messages in {session}",
    )
    return list(found.messages)


async def test_conversation_is_read_in_order_with_roles(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    three: list[tuple[Role, str]] = [
        ("user", "I like tea."),
        ("assistant", "Noted."),
        ("user", "我喜欢爬山。"),
    ]
    said = three * 20

    for number, (role, text) in enumerate(said):
        publisher.message(
            user_id=fresh_name, session_id=fresh_name, role=role, content=f"{number} {text}"
        )

    messages = await stored(own_sessions, fresh_name, fresh_name, len(said))
    assert texts(messages) == [f"{n} {text}" for n, (_, text) in enumerate(said)]
    assert [message.role for message in messages] == [role for role, _ in said]
    assert {(m.object, m.type, m.status) for m in messages} == {("message", "message", "completed")}


async def test_ids_name_and_metadata_are_kept(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    publisher.message(
        user_id=fresh_name,
        session_id=fresh_name,
        message_id="msg_1",
        role="user",
        name="Mei",
        content="hello",
        metadata={"channel": "web", "tags": ["a", "b"], "depth": {"n": 1.5}},
    )

    (message,) = await stored(own_sessions, fresh_name, fresh_name, 1)
    assert message.id == "msg_1"
    assert message.metadata == {
        "name": "Mei",
        "channel": "web",
        "tags": ["a", "b"],
        "depth": {"n": 1.5},
    }


async def test_tool_call_and_its_result_are_read_as_data(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    call = {"call_id": "c1", "name": "weather", "arguments": '{"city": "Berlin"}'}
    result = {"call_id": "c1", "output": "21 °C"}

    steps: list[tuple[Role, str, dict[str, str]]] = [
        ("assistant", "function_call", call),
        ("tool", "function_call_output", result),
    ]
    for role, kind, data in steps:
        publisher.message(
            user_id=fresh_name,
            session_id=fresh_name,
            role=role,
            message_type=kind,
            content=[{"type": "data", "data": data}],
        )

    messages = await stored(own_sessions, fresh_name, fresh_name, 2)
    assert [(m.role, m.type) for m in messages] == [
        ("assistant", "function_call"),
        ("tool", "function_call_output"),
    ]
    assert [m.content[0].data for m in messages] == [call, result]


async def test_parts_and_further_fields_are_kept(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    content = [
        {"type": "image", "image_url": "https://example.com/a.png"},
        {"type": "text", "text": "what is this?"},
        {"type": "text", "text": "and this"},
    ]

    publisher.message(
        user_id=fresh_name,
        session_id=fresh_name,
        role="user",
        content=content,
        fields={"status": "failed", "code": "500", "message": "true", "usage": {"tokens": 3}},
    )

    (message,) = await stored(own_sessions, fresh_name, fresh_name, 1)
    assert [part.type for part in message.content] == ["image", "text", "text"]
    assert message.content[0].image_url == "https://example.com/a.png"
    assert [part.text for part in message.content[1:]] == ["what is this?", "and this"]
    assert (message.status, message.code, message.message) == ("failed", "500", "true")
    assert message.usage == {"tokens": 3}


async def test_session_of_openai_messages_is_read_as_a_whole(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    spoken = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    said: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, image, spoken]},
        {"role": "user", "content": [{"type": "input_text", "text": "And this?"}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]},
        {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "function", "name": "f", "content": "a cat"},
        {"role": "assistant", "content": "A cat.", "annotations": [], "audio": {"id": "a1"}},
        {"role": "assistant", "content": ""},
    ]
    odd_fields = {"id": "x", "status": 5, "error": "oops", "usage": 1, "user_id": "bob", "a b": []}

    for message in said:
        publisher.message(user_id=fresh_name, session_id=fresh_name, **message)
    publisher.message(
        user_id=fresh_name, session_id=fresh_name, role="user", content="last", fields=odd_fields
    )

    messages = await stored(own_sessions, fresh_name, fresh_name, len(said) + 1)
    assert [message.role for message in messages] == [
        *("system", "user", "user", "user", "assistant", "tool", "tool", "assistant", "assistant"),
        "user",
    ]
    assert [m.get_text_content() for m in messages if m.content] == [
        *("Be brief.", "What is this?", "And this?", None, "a cat", "a cat", "A cat.", None),
        "last",
    ]
    assert [part.data for part in messages[1].content[1:]] == [image, spoken]
    assert messages[3].content[0].data == {"type": "file", "file": {"file_id": "f1"}}
    assert messages[4].content is None


async def test_session_is_read_whatever_its_parts_and_fields_hold(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    values = (5, 1.5, True, "x", "7", "[1]", ["a"], {"a": 1}, {"code": "c", "message": "m"}, None)
    kinds = ("text", "data", "image", "audio", "file", "refusal", "video")
    of_parts = ("data", "image_url", "format", "file_url", "file_id", "filename", "file_data")
    of_all = ("refusal", "object", "status", "error", "index", "delta", "msg_id", "stands_for")
    of_messages = (
        "id",
        "object",
        "status",
        "error",
        "code",
        "message",
        "usage",
        "metadata",
        "role",
    )
    parts = [
        {"type": kind, "text": "hi", name: value}
        for kind in kinds
        for name in (*of_parts, *of_all, "sequence_number")
        for value in values
    ]
    fields = [{name: value} for name in (*of_messages, "sequence_number") for value in values]

    for message_type in ("message", "plugin_call"):
        for start in range(0, len(parts), 40):
            publisher.message(
                user_id=fresh_name,
                session_id=fresh_name,
                role="user",
                content=parts[start : start + 40],
                message_type=message_type,
            )
    for each in fields:
        publisher.message(
            user_id=fresh_name, session_id=fresh_name, role="user", content="hi", fields=each
        )

    count = 2 * -(-len(parts) // 40) + len(fields)
    messages = await stored(own_sessions, fresh_name, fresh_name, count)
    assert sum(len(message.content) for message in messages) == 2 * len(parts) + len(fields)
    assert {message.role for message in messages} == {"user"}
    assert len({message.id for message in messages}) == count


async def test_sessions_of_a_user_are_listed(
    publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    ids = [f"{fresh_name}-{n}" for n in range(3)]

    for session in ids:
        publisher.message(user_id=fresh_name, session_id=session, role="user", content="hi")

    sessions = await eventually(
        lambda: own_sessions.list_sessions(fresh_name), lambda found: len(found) == 3, "3 sessions"
    )
    assert [(session.user_id, session.id) for session in sessions] == [(fresh_name, s) for s in ids]


async def test_extracted_facts_are_found_by_words_and_by_vectors(
    publisher: Publisher, own_memories: Any, own_vectors: Any, fresh_name: str
) -> None:
    for text in ("I am allergic to peanuts.", "I live in Berlin."):
        publisher.message(user_id=fresh_name, session_id=fresh_name, role="user", content=text)
    publisher.session_end(user_id=fresh_name, session_id=fresh_name)

    listed = await eventually(
        lambda: own_memories.list_memory(fresh_name), lambda found: len(found) == 2, "two facts"
    )
    question = [said("Which nuts is the user allergic to? peanuts?")]
    by_words = await own_memories.search_memory(fresh_name, question, {"top_k": 1})
    by_vectors = await own_vectors.search_memory(fresh_name, question, {"top_k": 1})
    assert {message.role for message in listed} == {"user"}
    assert any("Berlin" in (text or "") for text in texts(listed))
    assert "peanuts" in (texts(by_words)[0] or "")
    assert texts(by_vectors) == texts(by_words)
