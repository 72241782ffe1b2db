"""The drop-in memory service beside AgentScope's own, on the same table: by words and by vectors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from agentscope_runtime.engine.schemas.agent_schemas import DataContent, Message
from agentscope_runtime.engine.services.memory import MemoryService
from tablestore_for_agent_memory.base.base_knowledge_store import Document
from tablestore_for_agent_memory.base.filter import Filters

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.agentscope import SearchStrategy, TablestoreMemoryService
from tablestore_memory.producer.errors import (
    NotStoredYet,
)
from tests.agentscope.messages import drained, eventually, said, texts

pytestmark = pytest.mark.asyncio(loop_scope="session")

FACTS = [
    "Mei is allergic to peanuts.",
    "Mei plays the violin in an orchestra.",
    "Mei's favourite colour is green.",
    "她在柏林工作。",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def memories(client: Callable[[], Any], publisher: Publisher) -> AsyncIterator[Any]:
    """The drop-in, searching by words."""
    async with TablestoreMemoryService(client(), publisher=publisher) as service:
        yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vectors(client: Callable[[], Any], publisher: Publisher) -> AsyncIterator[Any]:
    """The drop-in, searching by vectors."""
    strategy = SearchStrategy.VECTOR
    async with TablestoreMemoryService(
        client(), search_strategy=strategy, publisher=publisher
    ) as service:
        yield service


@pytest.fixture(scope="session")
def services(memories: Any, vectors: Any, own_memories: Any, own_vectors: Any) -> dict[str, Any]:
    """All four by name."""
    return {
        "by words": memories,
        "by vectors": vectors,
        "own, by words": own_memories,
        "own, by vectors": own_vectors,
    }


async def listed(service: Any, user: str, count: int) -> list[Any]:
    found: list[Any] = await eventually(
        lambda: service.list_memory(user, {"page_size": 100}),
        lambda found: len(found) == count,
        f"{count} memories listed",
    )
    return found


async def test_takes_the_place_of_the_abstract_service(memories: Any, own_memories: Any) -> None:
    assert isinstance(memories, MemoryService)
    assert isinstance(memories, type(own_memories))


async def test_own_memories_are_listed_at_once(memories: Any, fresh_name: str) -> None:
    messages = [said(text) for text in FACTS]

    await memories.add_memory(fresh_name, messages)

    assert await memories.list_memory(fresh_name) == messages


@pytest.mark.parametrize("name", ["by words", "by vectors"])
async def test_own_memories_are_found_at_once(
    name: str, services: dict[str, Any], fresh_name: str
) -> None:
    service = services[name]
    await service.add_memory(fresh_name, [said(text) for text in FACTS])

    english = await service.search_memory(fresh_name, [said("the violin")], {"top_k": 1})
    chinese = await service.search_memory(fresh_name, [said("柏林")], {"top_k": 1})

    assert texts(english) == [FACTS[1]]
    assert texts(chinese) == [FACTS[3]]


async def test_stored_memories_are_the_same_for_both_services(
    services: dict[str, Any], memories: Any, own_memories: Any, fresh_name: str
) -> None:
    messages = [said(text, role="assistant", metadata={"n": n}) for n, text in enumerate(FACTS)]
    await memories.add_memory(fresh_name, messages, session_id="s1")
    await listed(own_memories, fresh_name, len(FACTS))

    for service in services.values():
        all_of_them = await service.list_memory(fresh_name)
        found = await service.search_memory(fresh_name, [said("peanuts")], {"top_k": 1})
        assert sorted(all_of_them, key=lambda m: m.metadata["n"]) == messages
        assert found == messages[:1]


async def test_memories_of_agentscope_are_found_by_the_drop_in(
    memories: Any, vectors: Any, own_memories: Any, fresh_name: str
) -> None:
    messages = [said(text) for text in FACTS]

    await own_memories.add_memory(fresh_name, messages[:2], "s1")
    await memories.add_memory(fresh_name, messages[2:], "s2")

    await listed(own_memories, fresh_name, 4)
    question = [said("does Mei play the violin?")]
    for service in (memories, vectors):
        assert len(await service.list_memory(fresh_name)) == 4
        assert (await service.search_memory(fresh_name, question))[0] == messages[1]


async def test_message_without_text_is_kept_whole(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    call = Message(type="function_call", role="assistant", content=[DataContent(data={"a": 1})])
    empty = Message(type="error", code="500", message="it broke")

    await memories.add_memory(fresh_name, [call, empty])
    at_once = await memories.list_memory(fresh_name)
    stored = await listed(own_memories, fresh_name, 2)

    assert at_once == [call, empty]
    assert sorted(stored, key=lambda m: m.type, reverse=True) == [call, empty]


async def test_memory_added_again_is_one_memory(
    memories: Any, own_memories: Any, publisher: Publisher, fresh_name: str
) -> None:
    message = said(FACTS[0])

    await memories.add_memory(fresh_name, [message])
    await memories.add_memory(fresh_name, [message])
    await drained(publisher)

    assert await listed(own_memories, fresh_name, 1) == [message]
    assert await memories.list_memory(fresh_name) == [message]


async def test_pages_hold_stored_and_pending_memories_once(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    await memories.add_memory(fresh_name, [said(f"old fact {n}") for n in range(7)])
    await listed(own_memories, fresh_name, 7)
    await memories.add_memory(fresh_name, [said(f"new fact {n}") for n in range(4)])

    pages = [
        texts(await memories.list_memory(fresh_name, {"page_num": n, "page_size": 3}))
        for n in range(1, 6)
    ]

    assert [len(page) for page in pages] == [3, 3, 3, 2, 0]
    assert len({text for page in pages for text in page}) == 11
    with pytest.raises(ValueError, match="page_num"):
        await memories.list_memory(fresh_name, {"page_num": 0})


async def test_pending_memories_do_not_crowd_out_what_is_known(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    await memories.add_memory(fresh_name, [said(f"the green thing {n}") for n in range(4)])
    await listed(own_memories, fresh_name, 4)
    await memories.add_memory(fresh_name, [said(f"the green idea {n}") for n in range(20)])

    found = texts(await memories.search_memory(fresh_name, [said("green")], {"top_k": 4}))

    assert len(found) == 4
    assert sum("thing" in (text or "") for text in found) == 2


async def test_nothing_is_found_without_a_question(memories: Any, fresh_name: str) -> None:
    call = Message(type="function_call", content=[DataContent(data={})])

    assert await memories.search_memory(fresh_name, []) == []
    assert await memories.search_memory(fresh_name, [call]) == []
    assert await memories.add_memory(fresh_name, []) is None
    assert await memories.list_memory(fresh_name) == []


async def test_deleted_memories_are_gone_at_once_and_stay_away(
    memories: Any, own_memories: Any, publisher: Publisher, fresh_name: str
) -> None:
    await memories.add_memory(fresh_name, [said(text) for text in FACTS[:2]], "s1")
    await listed(own_memories, fresh_name, 2)
    await memories.add_memory(fresh_name, [said(text) for text in FACTS[2:]], "s2")

    await memories.delete_memory(fresh_name)

    assert await memories.list_memory(fresh_name) == []
    assert await memories.search_memory(fresh_name, [said("Mei violin 柏林")]) == []
    await drained(publisher)
    await listed(own_memories, fresh_name, 0)
    assert await memories.list_memory(fresh_name) == []


async def test_only_the_memories_of_a_session_are_deleted(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    await memories.add_memory(fresh_name, [said("one"), said("two")], "s1")
    await memories.add_memory(fresh_name, [said("three")], "s2")

    await memories.delete_memory(fresh_name, "s1")

    assert texts(await memories.list_memory(fresh_name)) == ["three"]
    assert texts(await listed(own_memories, fresh_name, 1)) == ["three"]


async def test_memory_added_after_deletion_is_there(memories: Any, fresh_name: str) -> None:
    message = said(FACTS[0])
    await memories.add_memory(fresh_name, [message])
    await memories.delete_memory(fresh_name)

    await memories.add_memory(fresh_name, [message])

    assert await memories.list_memory(fresh_name) == [message]


async def test_more_than_a_page_of_memories_is_deleted(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    await own_memories._knowledge_store.put_document(document(fresh_name, 0))
    await asyncio.gather(
        *(own_memories._knowledge_store.put_document(document(fresh_name, n)) for n in range(130))
    )
    await eventually(
        lambda: memories._found(Filters.eq("user_id", fresh_name), None),
        lambda found: len(found) == 130,
        "130 documents",
    )

    await memories.delete_memory(fresh_name)

    assert await listed(own_memories, fresh_name, 0) == []


async def test_adding_does_not_stop_the_event_loop(
    memories: Any, vectors: Any, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedding happens in the worker, and where a query needs it here, in a thread."""
    threads: set[asyncio.AbstractEventLoop | None] = set()
    model = type(vectors._embedding_model)
    embed = model.embed_query

    def watched(self: Any, text: str) -> Any:
        try:
            threads.add(asyncio.get_running_loop())
        except RuntimeError:
            threads.add(None)
        return embed(self, text)

    def refused(*_: Any) -> Any:
        raise AssertionError("embedded while adding")

    monkeypatch.setattr(model, "embed_query", watched)
    with monkeypatch.context() as adding:
        adding.setattr(model, "embed_documents", refused)
        await vectors.add_memory(fresh_name, [said(FACTS[0])])
    await vectors.search_memory(fresh_name, [said("peanuts")])

    assert threads == {None}


async def test_memory_too_large_for_an_event_goes_to_the_store(
    memories: Any, own_memories: Any, fresh_name: str
) -> None:
    large = Message(type="function_call", content=[DataContent(data={"a": "x" * 300_000})])

    await memories.add_memory(fresh_name, [large])

    assert await listed(own_memories, fresh_name, 1) == [large]


async def test_memories_are_not_deleted_while_some_are_on_their_way(
    client: Callable[[], Any], tmp_path: Any, fresh_name: str
) -> None:
    nowhere = Publisher("redis://127.0.0.1:9/0", journal_dir=str(tmp_path), exit_timeout_s=0.1)
    with nowhere as publisher:
        service = TablestoreMemoryService(client(), publisher=publisher, arrives_s=0.2)
        await service.start()
        await service.add_memory(fresh_name, [said("kept")])

        with pytest.raises(NotStoredYet, match="1 events"):
            await service.delete_memory(fresh_name)

        assert texts(await service.list_memory(fresh_name)) == ["kept"]


async def test_health_tells_whether_it_is_started(
    client: Callable[[], Any], memories: Any, publisher: Publisher
) -> None:
    service = TablestoreMemoryService(client(), publisher=publisher)

    assert await service.health() is False
    assert await memories.health() is True


def document(user: str, number: int) -> Any:
    fields = {"user_id": user, "session_id": "s", "type": "message", "content_list": "[]"}
    return Document(document_id=f"{user}-{number}", text=f"fact {number}", metadata=fields)
