"""A message's row as the event that it came from. Does no I/O."""

import json

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import OPENAI_FIELDS, Message, encode
from tablestore_memory.worker.stores.fields import ORIGINAL_ROLE, as_value, extra_fields
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.parts import joined_content
from tablestore_memory.worker.stores.rows import RECEIVED, UTC_OFFSET, message_row
from tablestore_memory.worker.stores.tables import TableNames

# What a row that anybody may have written makes of the way back to an event.
_NO_EVENT = (MalformedEvent, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def event_of(row: MessageRow, user_id: str, names: TableNames) -> Message | None:
    """The event that makes this row; None if there is none that makes it exactly."""
    try:
        event = _event(row, user_id)
        encode(event)
        made = dict(message_row(names.message, event, 0).columns)
    except _NO_EVENT:
        return None
    stands = dict(row.columns)
    return event if made | {RECEIVED: 0} == stands | {RECEIVED: 0} else None


def _event(row: MessageRow, user_id: str) -> Message:
    columns = row.columns
    fields = extra_fields(columns)
    return Message(
        event_id=row.message_id,
        message_id=row.message_id,
        user_id=user_id,
        session_id=row.session_id,
        created_at=row.created_at,
        role=columns.get(ORIGINAL_ROLE, columns["role"]),
        content=joined_content(columns.get("content"), columns.get("content_list")),
        message_type=as_value(columns["type"]),
        metadata=json.loads(columns["metadata"]) if "metadata" in columns else None,
        utc_offset_min=columns.get(UTC_OFFSET, 0),
        **{name: fields.pop(name) for name in OPENAI_FIELDS if name in fields},
        fields=fields,
    )
