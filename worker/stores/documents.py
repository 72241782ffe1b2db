"""Documents of AgentScope's memory service: whole messages in the memory table, as that service writes
them. Nothing here does I/O.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from tablestore_memory.protocol.documents import possible_ids
from tablestore_memory.protocol.events import Id, Remember
from tablestore_memory.worker.errors import InvalidRow
from tablestore_memory.worker.stores.rows import (
    OWNER,
    RECEIVED,
    Key,
    RowWrite,
    Value,
    message_fields,
    split_content,
    to_json,
)

KIND = "kind"
"""The column that every row of ours has in the memory table, and no row of AgentScope's."""
DOCUMENT = "document"
DEFAULT_TENANT = "__default"  # tenant_id when the store is not multi-tenant (AgentScope)
DEFAULT_SESSION = "default"  # the session of a memory that has none (AgentScope)
# Fields of a document that must not stand for what we know of it ourselves.
_RESERVED = frozenset(
    {
        *("id", "type", "role", "content", "content_list", "text", "embedding"),
        *("document_id", "tenant_id", OWNER, "session_id", RECEIVED, KIND),
        *("confidence", "valid_from", "stated_at", "sources", "subject", "said_by"),
        *("model", "prompt_version", "event_start", "event_end"),
    }
)


class _Message(msgspec.Struct):
    """What a document must be to have a row; the rest is kept as it comes."""

    id: Id
    type: Annotated[str, msgspec.Meta(min_length=1)] = "message"
    role: str | None = None
    content: list[dict[str, Any]] | None = None


def key(document_id: str) -> Key:
    """The primary key of a row in the memory table."""
    return (("document_id", document_id), ("tenant_id", DEFAULT_TENANT))


def document_ids(event: Remember) -> tuple[str, ...]:
    """The ids that a document may stand under, the one to be preferred first. Raises InvalidRow."""
    return possible_ids(_message(event).id, event.user_id)


def document_text(event: Remember) -> str | None:
    """The text a document is found by, if it has any. Raises InvalidRow if it is no message."""
    message = _message(event)
    text = split_content(message.content or [], message.type)[0]
    if text is not None and not isinstance(text, str):
        raise InvalidRow("document.content: the text of a part is no text")
    return text or None


def document_row(
    table: str, event: Remember, document_id: str, embedding: Sequence[float], received_ms: int
) -> RowWrite:
    """The row of a document; without a text it has no embedding. Raises InvalidRow."""
    message = _message(event)
    text = document_text(event)
    parts = None if message.content is None else split_content(message.content, message.type)[1]
    extra = {name: v for name, v in (event.document or {}).items() if name not in _RESERVED}
    columns: dict[str, Value] = message_fields(message.role, message.type, parts, extra)
    if text:
        columns |= {"text": text, "embedding": to_json([round(x, 7) for x in embedding])}
    columns |= {
        OWNER: event.user_id,
        "session_id": event.session_id or DEFAULT_SESSION,
        RECEIVED: received_ms,
        KIND: DOCUMENT,
        "valid_from": event.created_at,
    }
    where = key(document_id)
    return RowWrite(table, where, tuple(columns.items()), owner=event.user_id, ours=KIND)


def _message(event: Remember) -> _Message:
    try:
        return msgspec.convert(event.document, _Message)
    except msgspec.ValidationError as error:
        raise InvalidRow(f"document: {error}") from error
