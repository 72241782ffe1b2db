"""Stored messages as the events they came from, so that they can be published once more.

For the tables that is no change but for the receipt: the same event is the same row, published later. What
follows from it is done again: its session falls due, and what should be remembered of it is decided anew. A
row that our event would not make exactly as it stands (an app of another release wrote it) is left alone.
"""

from collections.abc import Iterator

from tablestore_memory.protocol.events import Message
from tablestore_memory.worker.stores.events import event_of
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.tables import TableNames

_PAGE = 200


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
