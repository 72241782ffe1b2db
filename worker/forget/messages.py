"""The messages of one session that are a user's: those that are covered deleted, the others left."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import tablestore as ots

from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.stores.batch import MAX_ROWS
from tablestore_memory.worker.stores.messages import MessageRow
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.write import write_all


@dataclass(slots=True)
class Left:
    """What became of a session's rows. `first` and `newest` are stamps (created_at, µs) of the user's
    messages that stay; `unowned` rows name nobody, and the session is not the user's alone."""

    deleted: int = 0
    unowned: int = 0
    first: int | None = None
    newest: int = 0


def forget_messages(
    client: ots.OTSClient, sessions: Sessions, scope: Scope, session_id: str
) -> Left:
    left = Left()
    waiting: list[RowWrite] = []
    for row in _theirs(sessions, scope.user_id, session_id, left):
        if scope.covers_message(row):
            waiting.append(sessions.stored.deletion(scope.user_id, row, scope.upto_ms))
        else:
            left.first = row.created_at if left.first is None else left.first
            left.newest = row.created_at
        if len(waiting) == MAX_ROWS:
            left.deleted += _delete(client, waiting)
    left.deleted += _delete(client, waiting)
    return left


def _theirs(sessions: Sessions, user_id: str, session_id: str, left: Left) -> Iterator[MessageRow]:
    alone = cache(lambda: sessions.is_theirs_alone(user_id, session_id))
    for row in sessions.stored.forward(session_id):
        if row.owner == user_id or (row.owner is None and alone()):
            yield row
        elif row.owner is None:
            left.unowned += 1


def _delete(client: ots.OTSClient, waiting: list[RowWrite]) -> int:
    write_all(client, waiting)
    deleted = len(waiting)
    waiting.clear()
    return deleted
