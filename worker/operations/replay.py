"""Stored messages as the events they came from, so that they can be published once more.

For the tables that is no change but for the receipt: the same event is the same row, published later. What
follows from it is done again: its session falls due, and what should be remembered of it is decided anew. A
row that our event would not make exactly as it stands (an app of another release wrote it) is left alone.
"""

import json
from collections.abc import Iterator

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import OPENAI_FIELDS, Message, encode
from tablestore_memory.worker.stores.fields import ORIGINAL_ROLE, as_value, extra_fields
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.parts import joined_content
from tablestore_memory.worker.stores.rows import RECEIVED, UTC_OFFSET, message_row
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.tables import TableNames

_PAGE = 200
# What a row that anybody may have written makes of the way back to an event.
_NO_EVENT = (MalformedEvent, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def sessions_since(
    sessions: Sessions, since: int, user_id: str | None
) -> Iterator[tuple[str, str]]:
    """(user, session) of those with a message at or after `since` (µs), of one user or of all."""
    if user_id is not None:
        found = ((user_id, info) for info in sessions.of_user(user_id))
        yield from ((user, info.session_id) for user, info in found if info.update_time >= since)
        return
    begin: tuple[str, str] | None = None
    while True:
        page, begin = sessions.scan_page(_PAGE, begin)
        yield from ((user, info.session_id) for user, info in page if info.update_time >= since)
        if begin is None:
            return


def stored_events(
    sessions: Sessions, names: TableNames, user_id: str, session_id: str, since: int
) -> Iterator[Message | None]:
    """The user's messages in a session from `since` (created_at, µs) on; None for a row that is not ours."""
    for row in sessions.rows(user_id, session_id, since):
        yield event_of(row, user_id, names)


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
