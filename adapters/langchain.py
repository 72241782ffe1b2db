"""A chat history of LangChain, kept in Tablestore.

    RunnableWithMessageHistory(chain, lambda session: TablestoreChatMessageHistory("ana", session), …)

Messages are published as they are and come back as they were. What another publisher said in the session is
read as its text; its calls of tools are left out.
"""

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

from tablestore_memory.adapters.contents import as_said, text_of
from tablestore_memory.adapters.conversation import Conversation
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.producer import Message, Publisher
from tablestore_memory.recall import Recall

_DOCUMENT = "langchain"
"""The field of a message that holds LangChain's own, but for its content."""
_ROLES: dict[type[BaseMessage], str] = {
    HumanMessage: "user",
    AIMessage: "assistant",
    SystemMessage: "system",
    ToolMessage: "tool",
    FunctionMessage: "function",
}
_SPOKEN = {"user": HumanMessage, "assistant": AIMessage, "system": SystemMessage}


class TablestoreChatMessageHistory(BaseChatMessageHistory):
    """One for each request is fine: it holds nothing. Publishing waits for no network, reading does."""

    def __init__(
        self,
        user_id: str,
        session_id: str,
        *,
        publisher: Publisher | None = None,
        recall: Recall | None = None,
        last: int | None = None,
    ) -> None:
        """`last` is how many messages are read at most; all if nothing is said."""
        self._conversation = Conversation(user_id, session_id, publisher=publisher, recall=recall)
        self._last = last

    @property
    def messages(self) -> list[BaseMessage]:
        """In order, what was just added included. Raises what the store raises."""
        said = self._conversation.messages(self._last)
        return [message for each in said if (message := _message(each)) is not None]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Publish them, all or none. Raises MalformedEvent, or Unsupported for a message that nobody says."""
        self._conversation.say(map(_arguments, messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """The same, which waits for nothing."""
        self.add_messages(messages)

    def clear(self) -> None:
        """Have the session forgotten, with what was remembered from it alone."""
        self._conversation.forget()


def _arguments(message: BaseMessage) -> dict[str, Any]:
    """LangChain's message as the arguments of ours."""
    document = message_to_dict(message)
    content = document["data"].pop("content")
    if is_list := isinstance(content, list):
        content = [{"type": "text", "text": x} if isinstance(x, str) else x for x in content]
    return {
        "role": _role(message),
        "content": content,
        "name": message.name,
        "fields": {_DOCUMENT: {**document, "is_list": is_list}},
    }


def _role(message: BaseMessage) -> str:
    for kind, role in _ROLES.items():
        if isinstance(message, kind):
            return role
    raise Unsupported(
        f"{type(message).__name__}: only what user, assistant, system and tools say is kept"
    )


def _message(message: Message) -> BaseMessage | None:
    """LangChain's message of ours; None for a call of a tool, or its result, that another publisher told of."""
    document = message.fields.get(_DOCUMENT)
    if document is None:
        kind = _SPOKEN.get(message.role)
        return kind(text_of(message)) if kind and message.message_type == "message" else None
    content = as_said(message)
    if document["is_list"] and isinstance(content, str):
        content = [{"type": "text", "text": content}]
    data = {**document["data"], "content": content}
    return cast(BaseMessage, messages_from_dict([{"type": document["type"], "data": data}])[0])
