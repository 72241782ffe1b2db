"""Two users of one app whose sessions and messages have the same ids: each has what is theirs."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from agentscope_runtime.engine.schemas.agent_schemas import DataContent, Message

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.agentscope import (
    TablestoreMemoryService,
    TablestoreSessionHistoryService,
)
from tests.agentscope.messages import drained, eventually, said, texts

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sessions(client: Callable[[], Any], publisher: Publisher) -> AsyncIterator[Any]:
    async with TablestoreSessionHistoryService(client(), publisher=publisher) as service:
        yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def memories(client: Callable[[], Any], publisher: Publisher) -> AsyncIterator[Any]:
    async with TablestoreMemoryService(client(), publisher=publisher) as service:
        yield service


def large(name: str, text: str) -> Message:
    return Message(id=name, type="function_call", content=[DataContent(data={text: "x" * 300_000})])


async def test_message_too_large_for_an_event_names_its_user(
    sessions: Any, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    session = await sessions.create_session(ana, fresh_name)
    await sessions.append_message(session, said("x" * 300_000))

    seen = await sessions.get_session(bo, fresh_name)

    (row,) = await sessions._stored(ana, fresh_name)
    assert row.metadata["user_id"] == ana
    assert seen.messages == []


async def test_message_that_names_nobody_is_shown_to_neither_of_two(
    sessions: Any, own_sessions: Any, publisher: Publisher, fresh_name: str
) -> None:
    ana, bo = f"{fresh_name}-ana", f"{fresh_name}-bo"
    session = await own_sessions.create_session(ana, fresh_name)
    await own_sessions.append_message(session, said("Nobody is named."))
    publisher.message(user_id=ana, session_id=fresh_name, role="user", content="Ana's words.")
    await drained(publisher)
    alone = await sessions.get_session(ana, fresh_name)

    publisher.message(user_id=bo, session_id=fresh_name, role="user", content="Bo's words.")
    await drained(publisher)

    assert texts(alone.messages) == ["Nobody is named.", "Ana's words."]
    assert texts((await sessions.get_session(bo, fresh_name)).messages) == ["Bo's words."]
    assert texts((await sessions.get_session(ana, fresh_name)).messages) == ["Ana's words."]


async def test_session_of_an_app_is_not_had_by_publishing_into_it(
    sessions: Any, own_sessions: Any, publisher: Publisher, fresh_name: str
) -> None:
    ana, eve = f"{fresh_name}-ana", f"{fresh_name}-eve"
    session = await own_sessions.create_session(ana, fresh_name)
    await own_sessions.append_message(session, said("Nobody is named."))
    publisher.message(user_id=eve, session_id=fresh_name, role="user", content="Eve's words.")
    await drained(publisher)

    seen = await sessions.get_session(eve, fresh_name)
    again = await own_sessions.get_session(ana, fresh_name)

    assert texts(seen.messages) == ["Eve's words."]
    assert "Nobody is named." in texts(again.messages)


@pytest.mark.parametrize("make", [lambda name, text: said(text, id=name), large])
async def test_memories_with_the_same_id_are_listed_once_and_deleted_apart(
    memories: Any, publisher: Publisher, fresh_name: str, make: Callable[[str, str], Message]
) -> None:
    ana, bo, name = f"{fresh_name}-ana", f"{fresh_name}-bo", f"{fresh_name}-msg_1"
    for user in (ana, bo):
        await memories.add_memory(user, [make(name, user)])
        await drained(publisher)

    async def listed(user: str) -> list[Any]:
        found: list[Any] = await memories.list_memory(user)
        return [message.content for message in found]

    for user in (ana, bo):
        await eventually(partial(listed, user), lambda own: len(own) == 1, "listed once")
    await eventually(lambda: _shown(memories, bo), bool, "the index shows Bo's")
    ours, theirs = await listed(ana), await listed(bo)
    await memories.delete_memory(bo)

    assert (ours, theirs) == ([make(name, ana).content], [make(name, bo).content])
    assert await listed(ana) == ours
    assert await listed(bo) == []


async def _shown(memories: Any, user: str) -> bool:
    """Whether nothing of the user's is still on its way."""
    return not await memories._unshown(user)
