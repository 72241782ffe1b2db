"""AgentScope Runtime's `Message` as events carry it. Does no I/O."""

import json
from typing import Any

from agentscope_runtime.engine.schemas.agent_schemas import Message


def as_messages(given: Any) -> list[Message]:
    """One message or several, as objects or dicts, None left out. Raises pydantic's errors."""
    several = given if isinstance(given, list) else [given]
    return [
        each if isinstance(each, Message) else Message.model_validate(each)
        for each in several
        if each is not None
    ]


def document(message: Message) -> dict[str, Any]:
    """The whole message as JSON can carry it; what is not set is left out."""
    dumped: dict[str, Any] = message.model_dump(exclude_none=True)
    return dumped


def event_fields(document: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Publisher.message` for a message's document."""
    fields = dict(document)
    message_type = fields.pop("type")
    return {
        "message_id": fields.pop("id"),
        "message_type": message_type,
        # A role is optional there; tools answer, assistants call them.
        "role": fields.pop("role", "tool" if message_type.endswith("_output") else "assistant"),
        "content": fields.pop("content", None),
        "metadata": fields.pop("metadata", None),
        "fields": fields,
    }


def text_of(document: dict[str, Any]) -> str | None:
    """The first text of a plain message: what AgentScope's services search by."""
    if document.get("type") != "message":
        return None
    for part in document.get("content") or ():
        if part["type"] == "text":
            text: str | None = part.get("text")
            return text
    return None


def reading(document: dict[str, Any]) -> str:
    """Its text, or its content as JSON: an event to remember must say something."""
    return text_of(document) or json.dumps(document.get("content") or [], ensure_ascii=False)
