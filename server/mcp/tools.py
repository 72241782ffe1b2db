"""The tools: what each is called, what a model is told of it, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tablestore_memory.recall import NOT_CONFIGURED
from tablestore_memory.server.api import memories
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.events import event_of, published
from tablestore_memory.server.api.recalls import recall
from tablestore_memory.server.api.shapes import ListMemories, Nothing, OfMemory, Question
from tablestore_memory.server.mcp.shapes import (
    AddMemory,
    Arguments,
    DeleteMemory,
    Found,
    GetMemories,
    Page,
    SearchMemories,
    Taken,
    Turn,
    fact,
)


def add_memory(call: Call, asked: AddMemory) -> Taken:
    """Remember something about the user, from now on and in all conversations.

    Use it when the user asks you to remember something, or says something that will still matter in other
    conversations: who they are, what they like, what they plan, how they want to be answered. It can be found a
    few seconds later. Do not store passwords, keys or card numbers: they are refused.
    """
    user_id = call.access.user(asked.user_id)
    event = event_of(call, {"type": "remember", "user_id": user_id, "text": asked.text})
    return Taken(*published(call, [event]).event_ids)


async def search_memories(call: Call, asked: SearchMemories) -> Found:
    """Look up what is known of the user: facts, and what was said in earlier conversations.

    Use it before you answer anything that may depend on who the user is or on what was said before. Facts come
    with since when they hold; what `turns` says was said, not checked. An empty answer with nothing `missing`
    means that nothing is known.
    """
    question = Question(
        user_id=asked.user_id, query=asked.query, kinds=asked.kinds, tokens=asked.tokens
    )
    found = await recall(call, Nothing(), question)
    return Found(
        memories=[fact(memory) for memory in found.memories],
        turns=[Turn(f"{t.at:%Y-%m-%d %H:%M}", t.speaker, t.text) for t in found.turns],
        missing=[each.part for each in found.missing if each.reason != NOT_CONFIGURED],
    )


def get_memories(call: Call, asked: GetMemories) -> Page:
    """List all facts that are known of the user, page by page.

    Use it to show the user what is remembered, or to find a memory to delete. To answer a question,
    search_memories is the better tool.
    """
    listed = ListMemories(user_id=asked.user_id, limit=asked.limit, cursor=asked.cursor)
    page = memories.listed(call, listed, None)
    return Page([fact(memory) for memory in page.memories], page.next)


def delete_memory(call: Call, asked: DeleteMemory) -> Taken:
    """Delete one memory of the user for good.

    Use it only when the user asks for something to be forgotten, with the id that search_memories or get_memories
    gave. It cannot be undone.
    """
    of_memory = OfMemory(user_id=asked.user_id, memory_id=asked.memory_id)
    return Taken(*memories.delete(call, of_memory, None).event_ids)


@dataclass(frozen=True)
class Tool:
    title: str
    function: Callable[..., Any]
    arguments: type[Arguments]
    answer: type
    reads: bool = False
    destroys: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__


TOOLS = (
    Tool("Remember", add_memory, AddMemory, Taken),
    Tool("Search memories", search_memories, SearchMemories, Found, reads=True),
    Tool("List memories", get_memories, GetMemories, Page, reads=True),
    Tool("Delete a memory", delete_memory, DeleteMemory, Taken, destroys=True),
)
