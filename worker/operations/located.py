"""One event by its id, or its message's: its entry in Redis, its row in Tablestore, or neither.

The row keeps the message's id alone; a publisher that names none takes the event's for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tablestore_memory.worker.operations.standing_entries import Standing, entries_of
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.message_index import with_id
from tablestore_memory.worker.stores.messages import MessageKey, MessageRow


@dataclass(frozen=True)
class Located:
    """`user_id` is empty where nothing tells whose it is. `others` have the same id: within a session alone it is
    one message's. If not `by_id`, no index leads from an id to its row, and the session must be named."""

    event_id: str
    user_id: str
    session_id: str
    entries: list[Standing]
    unseen: int
    row: MessageRow | None
    others: list[MessageRow]
    by_id: bool


def locate(s: Services, event_id: str, *, user_id: str = "", session_id: str = "") -> Located:
    """Whosever it is, unless a user or a session is named."""
    entries = entries_of(s, event_id)
    standing = [each for each in entries.found if _is_of(each, user_id, session_id)]
    keys = with_id(s.tablestore, s.names.message, event_id)
    near = [
        key
        for session, message in _sought(event_id, session_id, standing)
        for key in s.sessions.stored.keys_of(session, message)
    ]
    rows = list(_rows(s, [*(keys or ()), *near], user_id, session_id))
    if rows:
        user_id, session_id = rows[0].owner or user_id, rows[0].session_id
    elif standing:
        told = standing[0].told
        user_id, session_id = _text(told.user_id), _text(told.session_id)
    return Located(
        event_id,
        user_id,
        session_id,
        [each for each in standing if _is_of(each, user_id, session_id)],
        entries.unseen,
        rows[0] if rows else None,
        rows[1:],
        by_id=keys is not None,
    )


def _sought(event_id: str, session_id: str, standing: Iterable[Standing]) -> set[tuple[str, str]]:
    """Sessions and ids of messages that the table's own index finds, which is never behind."""
    told = [(each.told.session_id, each.told.message_id) for each in standing]
    pairs = [(session_id, event_id), *((_text(s), _text(m) or event_id) for s, m in told)]
    return {(session, message) for session, message in pairs if session}


def _rows(
    s: Services, keys: Sequence[MessageKey], user_id: str, session_id: str
) -> Iterator[MessageRow]:
    """Those that stand there, of the user and the session that are named, the latest first."""
    wanted = {key for key in keys if session_id in ("", key.session_id)}
    rows = s.sessions.stored.at(sorted(wanted, key=lambda key: -key.created_at))
    return (row for row in rows if not user_id or _is_theirs(s, row, user_id))


def _is_theirs(s: Services, row: MessageRow, user_id: str) -> bool:
    if row.owner is None:
        return s.sessions.is_theirs_alone(user_id, row.session_id)
    return row.owner == user_id


def _is_of(entry: Standing, user_id: str, session_id: str) -> bool:
    told = entry.told
    return user_id in ("", told.user_id) and session_id in ("", told.session_id)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
