"""Documents of AgentScope's memory service: whole messages in the memory table, as that service writes
them, under the message's own id. Nothing here does I/O.
"""

from collections.abc import Sequence

import msgspec

from tablestore_memory.protocol.documents import possible_ids
from tablestore_memory.protocol.events import Document, Remember
from tablestore_memory.worker.failures.errors import InvalidRow
from tablestore_memory.worker.stores.fields import message_fields
from tablestore_memory.worker.stores.parts import split_content
from tablestore_memory.worker.stores.rows import OWNER, RECEIVED, Key, RowWrite, Value, to_json

KIND = "kind"
"""The column that every row of ours has in the memory table, and no row of AgentScope's."""
DOCUMENT = "document"
TENANT = "tenant_id"
DEFAULT_TENANT = "__default"  # of AgentScope's services, which know no other
DEFAULT_SESSION = "default"  # the session of a memory that has none (AgentScope)


def key(document_id: str, tenant: str = DEFAULT_TENANT) -> Key:
    """The primary key of a row in the memory table."""
    return (("document_id", document_id), (TENANT, tenant))


def document_ids(event: Remember) -> tuple[str, ...]:
    """The ids that a document may stand under, the one to be preferred first. Raises InvalidRow."""
    return possible_ids(_message(event).id, event.user_id)


def document_text(event: Remember) -> str | None:
    """The text a document is found by, if it has any. Raises InvalidRow if it is no message."""
    message = _message(event)
    return split_content(message.content, message.type)[0] or None


def document_row(
    table: str, where: Key, event: Remember, embedding: Sequence[float], received_ms: int
) -> RowWrite:
    """The row of a document under its key; without a text it has no embedding. Raises InvalidRow."""
    message = _message(event)
    text, parts = split_content(message.content, message.type)
    known = message.__struct_fields__
    extra = {name: v for name, v in (event.document or {}).items() if name not in known}
    columns: dict[str, Value] = {
        **message_fields(message.role, message.type, parts, extra, message.metadata),
        OWNER: event.user_id,
        "session_id": event.session_id or DEFAULT_SESSION,
        RECEIVED: received_ms,
        KIND: DOCUMENT,
        "valid_from": event.created_at,
    }
    if text:
        columns |= {"text": text, "embedding": to_json([round(x, 7) for x in embedding])}
    return RowWrite(table, where, tuple(columns.items()), owner=event.user_id, ours=KIND)


def _message(event: Remember) -> Document:
    try:
        return msgspec.convert(event.document, Document)
    except msgspec.ValidationError:  # its words may quote the document
        raise InvalidRow("document: no AgentScope message") from None
