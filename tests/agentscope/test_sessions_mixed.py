"""The drop-in session history beside AgentScope's own, on the same tables."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from agentscope_runtime.engine.schemas.agent_schemas import (
    DataContent,
    FileContent,
    ImageContent,
    Message,
    TextContent,
)
from agentscope_runtime.engine.services.session_history import SessionHistoryService

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.agentscope import TablestoreSessionHistoryService
from tablestore_memory.producer.errors import (
    NotStoredYet,
)
from tests.agentscope.messages import drained, eventually, said, texts

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sessions(client: Callable[[], Any], publisher: Publisher) -> AsyncIterator[Any]:
    """The drop-in, as an app makes it."""
    async with TablestoreSessionHistoryService(client(), publisher=publisher) as service:
        yield service


async def count_reaches(service: Any, user: str, session: str, count: int) -> Any:
    return await eventually(
        lambda: service.get_session(user, session),
        lambda found: len(found.messages) == count,
        f"{count} messages in {session}",
    )


async def test_takes_the_place_of_the_abstract_service(sessions: Any, own_sessions: Any) -> None:
    assert isinstance(sessions, SessionHistoryService)
    assert isinstance(sessions, type(own_sessions))


async def test_own_writes_are_read_at_once_and_in_order(sessions: Any, fresh_name: str) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)

    for number in range(30):
        await sessions.append_message(session, said(f"message {number}"))
        seen = await sessions.get_session(fresh_name, fresh_name)
        assert texts(seen.messages) == [f"message {n}" for n in range(number + 1)]

    assert texts(session.messages) == [f"message {n}" for n in range(30)]


async def test_stored_messages_are_the_same_for_both_services(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    messages = [
        said("hello 你好", metadata={"n": 1, "tags": ["a"]}),
        Message(
            type="function_call",
            role="assistant",
            content=[DataContent(data={"call_id": "1", "name": "f", "arguments": "{}"})],
        ),
        Message(
            type="function_call_output",
            role="tool",
            content=[DataContent(data={"call_id": "1", "output": "[1, 2]"})],
        ),
        Message(
            type="message",
            role="assistant",
            status="completed",
            usage={"output_tokens": 3},
            content=[
                ImageContent(image_url="https://example.com/a.png"),
                TextContent(text="a picture", index=1, delta=False, msg_id="m"),
                FileContent(filename="a.txt", file_id="f"),
            ],
        ),
        Message(type="reasoning", role="assistant", content=[TextContent(text="hm")]),
        Message(type="message", role="assistant", content=[TextContent(text="42")], code="500"),
    ]

    await sessions.append_message(session, messages)
    at_once = await sessions.get_session(fresh_name, fresh_name)
    stored = await count_reaches(own_sessions, fresh_name, fresh_name, len(messages))
    afterwards = await sessions.get_session(fresh_name, fresh_name)

    assert at_once.messages == messages
    assert stored.messages == messages
    assert afterwards.messages == messages


async def test_mixed_writers_are_read_in_the_order_of_writing(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    services = [sessions, own_sessions]
    session = await own_sessions.create_session(fresh_name, fresh_name)

    for number in range(12):
        await services[number % 2].append_message(session, said(f"{number}"))
    at_once = await sessions.get_session(fresh_name, fresh_name)
    stored = await count_reaches(own_sessions, fresh_name, fresh_name, 12)

    assert texts(at_once.messages) == [f"{n}" for n in range(12)]
    assert texts(stored.messages) == [f"{n}" for n in range(12)]


async def test_messages_may_be_dicts_lists_or_none(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)

    await sessions.append_message(session, said("one").model_dump())
    await sessions.append_message(session, [None, said("two"), said("three").model_dump()])

    stored = await count_reaches(own_sessions, fresh_name, fresh_name, 3)
    assert texts(stored.messages) == ["one", "two", "three"]


async def test_message_to_a_session_without_a_row_is_kept(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    await own_sessions.delete_session(fresh_name, fresh_name)

    await sessions.append_message(session, said("still here"))

    found = await eventually(
        lambda: own_sessions.list_sessions(fresh_name), lambda found: len(found) == 1, "its row"
    )
    assert found[0].id == fresh_name
    stored = await own_sessions.get_session(fresh_name, fresh_name)
    assert texts(stored.messages) == ["still here"]


async def test_sessions_of_both_are_listed_by_both(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    first = await own_sessions.create_session(fresh_name, f"{fresh_name}-1")
    second = await sessions.create_session(fresh_name)
    third = type(first)(id=f"{fresh_name}-3", user_id=fresh_name)
    await sessions.append_message(third, said("no row yet"))

    at_once = await sessions.list_sessions(fresh_name)

    assert {s.id for s in at_once} == {first.id, second.id, third.id}
    assert all(s.messages == [] and s.user_id == fresh_name for s in at_once)
    stored = await eventually(
        lambda: own_sessions.list_sessions(fresh_name), lambda found: len(found) == 3, "three"
    )
    assert [s.id for s in stored] == [s.id for s in await sessions.list_sessions(fresh_name)]


async def test_unknown_session_is_empty_and_made_as_there(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    found = await sessions.get_session(fresh_name, fresh_name)

    assert (found.id, found.user_id, found.messages) == (fresh_name, fresh_name, [])
    assert [s.id for s in await own_sessions.list_sessions(fresh_name)] == [fresh_name]


async def test_deleted_session_does_not_come_back(
    sessions: Any, own_sessions: Any, publisher: Publisher, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    await sessions.append_message(session, [said(f"{n}") for n in range(20)])

    await sessions.delete_session(fresh_name, fresh_name)
    await drained(publisher)

    assert await sessions.list_sessions(fresh_name) == []
    assert await own_sessions.list_sessions(fresh_name) == []
    assert (await own_sessions.get_session(fresh_name, fresh_name)).messages == []


async def test_all_sessions_of_a_user_are_deleted(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    for number in range(3):
        session = await sessions.create_session(fresh_name, f"{fresh_name}-{number}")
        await sessions.append_message(session, said("hello"))

    await sessions.delete_user_sessions(fresh_name)

    assert await own_sessions.list_sessions(fresh_name) == []


async def test_creating_a_session_again_keeps_what_its_row_holds(
    sessions: Any, publisher: Publisher, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    await sessions.append_message(session, said("I like tea."))
    publisher.session_end(user_id=fresh_name, session_id=fresh_name)

    async def watermark() -> Any:
        row = await sessions._memory_store.get_session(fresh_name, fresh_name)
        return row.metadata.get("memory_watermark")

    extracted_to = await eventually(watermark, bool, "the session extracted")
    await sessions.create_session(fresh_name, fresh_name)

    assert await watermark() == extracted_to


async def test_sessions_of_two_users_of_one_name_are_apart(sessions: Any, fresh_name: str) -> None:
    for user in ("a", "b"):
        session = await sessions.create_session(f"{fresh_name}-{user}", fresh_name)
        await sessions.append_message(session, said(f"I am {user}"))
    await eventually(
        lambda: sessions._stored(f"{fresh_name}-b", fresh_name), bool, "b's message stored"
    )

    found = await sessions.get_session(f"{fresh_name}-a", fresh_name)

    assert texts(found.messages) == ["I am a"]


async def test_message_too_large_for_an_event_goes_to_the_store(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    large = said("x" * 300_000)

    await sessions.append_message(session, [said("before"), large, said("after")])

    assert [len(t or "") for t in texts(session.messages)] == [6, 300_000, 5]
    found = await sessions.get_session(fresh_name, fresh_name)
    assert found.messages == session.messages
    stored = await count_reaches(own_sessions, fresh_name, fresh_name, 3)
    assert stored.messages == session.messages


async def test_text_that_no_row_can_hold_is_mended(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)

    await sessions.append_message(session, said("half a \ud800 character"))

    stored = await count_reaches(own_sessions, fresh_name, fresh_name, 1)
    assert texts(stored.messages) == ["half a \ufffd character"]


async def test_appending_works_while_tablestore_and_redis_are_away(
    client: Callable[[], Any], tmp_path: Any, fresh_name: str
) -> None:
    nowhere = Publisher("redis://127.0.0.1:9/0", journal_dir=str(tmp_path), exit_timeout_s=0.1)
    with nowhere as publisher:
        service = TablestoreSessionHistoryService(client(), publisher=publisher)
        session = type("Session", (), {"id": fresh_name, "user_id": fresh_name, "messages": []})()

        await service.append_message(session, said("kept"))

        assert publisher.stats().pending == 1


async def test_session_is_not_deleted_while_messages_are_on_their_way(
    client: Callable[[], Any], tmp_path: Any, fresh_name: str
) -> None:
    nowhere = Publisher("redis://127.0.0.1:9/0", journal_dir=str(tmp_path), exit_timeout_s=0.1)
    with nowhere as publisher:
        service = TablestoreSessionHistoryService(client(), publisher=publisher, arrives_s=0.2)
        await service.start()
        session = await service.create_session(fresh_name, fresh_name)
        await service.append_message(session, said("kept"))

        with pytest.raises(NotStoredYet, match="1 events"):
            await service.delete_session(fresh_name, fresh_name)

        found = await service.get_session(fresh_name, fresh_name)
        assert texts(found.messages) == ["kept"]


async def test_health_tells_whether_it_is_started(
    client: Callable[[], Any], sessions: Any, publisher: Publisher
) -> None:
    service = TablestoreSessionHistoryService(client(), publisher=publisher)

    assert await service.health() is False
    assert await sessions.health() is True
    await service.start()
    await service.stop()
    assert await service.health() is False


async def test_concurrent_appends_and_reads_lose_nothing(
    sessions: Any, own_sessions: Any, fresh_name: str
) -> None:
    session = await sessions.create_session(fresh_name, fresh_name)
    started = time.monotonic()

    async def read_until_stored() -> None:
        while time.monotonic() - started < 1:
            at = len(session.messages)
            found = await sessions.get_session(fresh_name, fresh_name)
            assert texts(found.messages)[:at] == texts(session.messages)[:at]

    async def append() -> None:
        for number in range(100):
            await sessions.append_message(session, said(f"{number}"))
            await asyncio.sleep(0.005)

    await asyncio.gather(append(), read_until_stored(), read_until_stored())

    stored = await count_reaches(own_sessions, fresh_name, fresh_name, 100)
    assert texts(stored.messages) == [f"{n}" for n in range(100)]


async def test_tables_of_another_name_stand_beside_those_of_another_deployment(
    client: Callable[[], Any], publisher: Publisher, own_sessions: Any, fresh_name: str
) -> None:
    names = {"session_table_name": f"{fresh_name}_s", "message_table_name": f"{fresh_name}_m"}

    async with TablestoreSessionHistoryService(client(), publisher=publisher, **names):
        standing = await own_sessions._tablestore_client.list_table()

    assert {f"{fresh_name}_s_secondary_index", f"{fresh_name}_m_secondary_index"} <= set(standing)
