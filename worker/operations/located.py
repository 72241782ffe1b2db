"""One event by its id: its entry in Redis, its row in Tablestore, or neither. The id is the event's or the message's.

The row keeps the message's id alone; a publisher that names none takes the event's for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tablestore_memory.worker.operations.standing_entries import Entries, Standing, entries_of
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.message_index import with_id
from tablestore_memory.worker.stores.messages import MessageKey, MessageRow, of_user


@dataclass(frozen=True)
class Located:
    """`user_id` is empty where nothing tells whose it is. `others` have the same id: within a session alone it is
    one message's. If not `by_id`, no index leads from an id to its row, and the session must be named."""

    event_id: str
    user_id: str = ""
    session_id: str = ""
    entries: list[Standing] = field(default_factory=list)
    unseen: int = 0
    row: MessageRow | None = None
    others: list[MessageRow] = field(default_factory=list)
    by_id: bool = True


def locate(s: Services, event_id: str, *, user_id: str = "", session_id: str = "") -> Located:
    """Whosever it is, unless a user or a session is named."""
    entries = entries_of(s, event_id)
    standing = [each for each in entries.found if _is_of(each, user_id, session_id)]
    sessions = {session_id} if session_id else {str(e.told.session_id) for e in standing} - {"None"}
    keys = with_id(s.tablestore, s.names.message, event_id)
    for session in sessions:  # the index may not show it yet
        keys = [*(keys or []), *s.sessions.stored.keys_of(session, event_id)]
    rows = list(_rows(s, keys or [], user_id, session_id))
    return _located(event_id, user_id, session_id, standing, entries, rows, keys is not None)


def _located(
    event_id: str,
    user_id: str,
    session_id: str,
    standing: list[Standing],
    entries: Entries,
    rows: Sequence[MessageRow],
    by_id: bool,
) -> Located:
    row, *others = rows or [None]
    told = [(each.told.user_id, each.told.session_id) for each in standing]
    if row is not None:
        told.insert(0, (row.owner or user_id, row.session_id))
    user, session = told[0] if told else (user_id, session_id)
    mine = [each for each in standing if _is_of(each, user or "", session or "")]
    return Located(
        event_id,
        user_id=_text(user),
        session_id=_text(session),
        entries=mine,
        unseen=entries.unseen,
        row=row,
        others=[each for each in others if each],
        by_id=by_id,
    )


def _rows(
    s: Services, keys: Sequence[MessageKey], user_id: str, session_id: str
) -> Iterator[MessageRow]:
    """Those that stand there, of the user and the session that are named, the latest first."""
    wanted = {key for key in keys if session_id in ("", key.session_id)}
    rows = s.sessions.stored.at(sorted(wanted, key=lambda key: -key.created_at))
    for row in rows:
        if user_id:
            yield from of_user(
                [row], user_id, lambda: s.sessions.is_theirs_alone(user_id, row.session_id)
            )
        else:
            yield row


def _is_of(entry: Standing, user_id: str, session_id: str) -> bool:
    told = entry.told
    return user_id in ("", told.user_id) and session_id in ("", told.session_id)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
