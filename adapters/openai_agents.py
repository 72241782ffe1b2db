"""A session of the OpenAI Agents SDK, kept in Tablestore.

    session = TablestoreSession("ana", "s1")
    await Runner.run(agent, "I like hiking.", session=session)

Items are published as they are and come back as they were: words as messages, which facts are extracted from;
tool calls, their results, reasoning and all else as messages of their own types, which are kept only. What
another publisher said in the session is read as its text.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from agents.items import TResponseInputItem
from agents.memory.session import SessionABC
from agents.memory.session_settings import SessionSettings, resolve_session_limit

from tablestore_memory.adapters.contents import as_said, text_of
from tablestore_memory.adapters.conversation import Conversation
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.producer import Message, Publisher
from tablestore_memory.recall import Recall

_ITEM = "openai_item"
"""The field of a message that holds what an item has beside its role and content."""
_SPEAKERS = frozenset({"user", "assistant", "system", "developer"})


class TablestoreSession(SessionABC):
    """`session_settings.limit` is how many items are read where no limit is given."""

    def __init__(
        self,
        user_id: str,
        session_id: str,
        *,
        publisher: Publisher | None = None,
        recall: Recall | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings = session_settings
        self._conversation = Conversation(user_id, session_id, publisher=publisher, recall=recall)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The latest so many in order, or all. Raises what the store raises."""
        last = resolve_session_limit(limit, self.session_settings)
        messages = await asyncio.to_thread(self._conversation.messages, last)
        return [item for message in messages if (item := _item(message)) is not None]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Publish them, all or none. Raises MalformedEvent, as for an item beyond an event's 256 KiB."""
        self._conversation.say(_message(cast(Mapping[str, Any], item)) for item in items)

    async def pop_item(self) -> TResponseInputItem | None:
        """Refused: what is published is stored and remembered, and is not taken back one by one."""
        raise Unsupported(
            "pop_item: a published item cannot be taken back; clear_session forgets all"
        )

    async def clear_session(self) -> None:
        """Have the session forgotten, with what was remembered from it alone."""
        self._conversation.forget()


def _message(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as the arguments of a message."""
    if "role" not in item:
        kind = str(item.get("type"))
        return {
            "role": "tool" if kind.endswith("_output") else "assistant",
            "message_type": kind,
            # As AgentScope keeps the calls of tools.
            "content": [{"type": "data", "data": dict(item)}],
            "fields": {_ITEM: {}},
        }
    rest = {name: value for name, value in item.items() if name not in ("role", "content")}
    return {"role": item["role"], "content": item["content"], "fields": {_ITEM: rest}}


def _item(message: Message) -> TResponseInputItem | None:
    """The item of a message; None for one that is no item and says nothing."""
    rest = message.fields.get(_ITEM)
    item: dict[str, Any]
    if rest is None:
        if message.message_type != "message" or message.role not in _SPEAKERS:
            return None
        item = {"role": message.role, "content": text_of(message)}
    elif message.message_type != "message":
        item = cast(list[dict[str, Any]], message.content)[0]["data"]
    else:
        item = {**rest, "role": message.role, "content": as_said(message)}
    return cast(TResponseInputItem, item)
