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


@dataclass(frozen=True)
class StoredMessages:
    """Where messages stand; so many rows are deleted at a time."""

    client: ots.OTSClient
    sessions: Sessions
    rows_at_once: int = MAX_ROWS

    def forget(self, scope: Scope, session_id: str) -> Left:
        left = Left()
        waiting: list[RowWrite] = []
        for row in self._theirs(scope.user_id, session_id, left):
            if scope.covers_message(row):
                waiting.append(self.sessions.stored.deletion(scope.user_id, row, scope.upto_ms))
            else:
                left.first = row.created_at if left.first is None else left.first
                left.newest = row.created_at
            if len(waiting) == self.rows_at_once:
                left.deleted += self._delete(waiting)
        left.deleted += self._delete(waiting)
        return left

    def _theirs(self, user_id: str, session_id: str, left: Left) -> Iterator[MessageRow]:
        alone = cache(lambda: self.sessions.is_theirs_alone(user_id, session_id))
        for row in self.sessions.stored.forward(session_id):
            if row.owner == user_id or (row.owner is None and alone()):
                yield row
            elif row.owner is None:
                left.unowned += 1

    def _delete(self, waiting: list[RowWrite]) -> int:
        write_all(self.client, waiting)
        deleted = len(waiting)
        waiting.clear()
        return deleted
