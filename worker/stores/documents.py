"""Documents of AgentScope's memory service: whole messages in the memory table, as that service writes
them, under the message's own id. Nothing here does I/O.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from tablestore_memory.protocol.events import Id, Remember
from tablestore_memory.worker.errors import InvalidRow
from tablestore_memory.worker.stores.rows import (
    Key,
    RowWrite,
    Value,
    message_fields,
    split_content,
    to_json,
)

KIND = "document"
DEFAULT_TENANT = "__default"  # tenant_id when the store is not multi-tenant (AgentScope)
_DEFAULT_SESSION = "default"  # the session of a memory that has none (AgentScope)
_OWN = ("id", "type", "role", "content")


class _Message(msgspec.Struct):
    """What a document must be to have a row; the rest is kept as it comes."""

    id: Id
    type: Annotated[str, msgspec.Meta(min_length=1)] = "message"
    role: str | None = None
    content: list[dict[str, Any]] | None = None


def key(document_id: str) -> Key:
    """The primary key of a row in the memory table."""
    return (("document_id", document_id), ("tenant_id", DEFAULT_TENANT))


def document_text(event: Remember) -> str | None:
    """The text a document is found by, if it has any. Raises InvalidRow if it is no message."""
    message = _message(event)
    return split_content(message.content or [], message.type)[0] or None


def document_row(table: str, event: Remember, embedding: Sequence[float]) -> RowWrite:
    """The row of a document; without a text it has no embedding. Raises InvalidRow."""
    message = _message(event)
    text, parts = split_content(message.content or [], message.type)
    columns: dict[str, Value] = {
        "user_id": event.user_id,
        "session_id": event.session_id or _DEFAULT_SESSION,
        "kind": KIND,
        "valid_from": event.created_at,
    }
    if text:
        columns |= {"text": text, "embedding": to_json([round(x, 7) for x in embedding])}
    extra = {name: v for name, v in (event.document or {}).items() if name not in _OWN}
    whole = None if message.content is None else parts
    columns |= message_fields(message.role, message.type, whole, extra)
    return RowWrite(table, key(message.id), tuple(columns.items()))


def _message(event: Remember) -> _Message:
    try:
        return msgspec.convert(event.document, _Message)
    except msgspec.ValidationError as error:
        raise InvalidRow(f"document: {error}") from error
