"""Sessions and their messages as stored, and each session's watermark: how far facts were extracted.

Reads go by primary key, so what was written is seen; no index that lags is asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import tablestore as ots

from tablestore_memory.protocol.documents import PUBLISHED
from tablestore_memory.worker.failures.errors import RowConflict
from tablestore_memory.worker.stores.columns import Columns, integer
from tablestore_memory.worker.stores.errors import from_code, translated
from tablestore_memory.worker.stores.messages import MessageRow, Messages, of_user
from tablestore_memory.worker.stores.messages import Turn as Turn
from tablestore_memory.worker.stores.rows import WATERMARK, RowWrite, session_row
from tablestore_memory.worker.stores.tables import TableNames


@dataclass(frozen=True, slots=True)
class SessionInfo:
    session_id: str
    update_time: int  # µs since the epoch
    watermark: int  # µs; 0 when nothing was extracted yet


Activity = tuple[int, str]
"""When a session was last active (µs), and its id."""


class Sessions:
    """Reads sessions, and messages with these columns or all; moves watermarks."""

    def __init__(
        self, client: ots.OTSClient, names: TableNames, columns: Sequence[str] | None = None
    ) -> None:
        self._client = client
        self._names = names
        self.stored = Messages(client, names.message, names.message_index, columns)

    def of_user(self, user_id: str) -> list[SessionInfo]:
        """All sessions of a user, oldest activity first."""
        start: Any = [("user_id", user_id), ("session_id", ots.INF_MIN)]
        end = [("user_id", user_id), ("session_id", ots.INF_MAX)]
        found: list[SessionInfo] = []
        while start is not None:
            page, start = self._page(start, end)
            found += [info for _, info in page]
        return sorted(found, key=lambda info: (info.update_time, info.session_id))

    def latest(self, user_id: str, count: int) -> list[str]:
        """The ids of the user's sessions by their last activity, the latest first."""
        return [session_id for _, session_id in self.by_activity(user_id, count)[0]]

    def by_activity(
        self, user_id: str, count: int, begin: Activity | None = None
    ) -> tuple[list[Activity], Activity | None]:
        """The user's sessions by their last activity, the latest first, from `begin` on; and where to go on."""
        start, end = (
            [("user_id", user_id), ("update_time", at), ("session_id", session_id)]
            for at, session_id in (begin or (ots.INF_MAX, ots.INF_MAX), (ots.INF_MIN, ots.INF_MIN))
        )
        with translated("GetRange sessions"):
            _, rest, rows, _ = self._client.get_range(
                self._names.session_index, "BACKWARD", start, end, limit=count, max_version=1
            )
        return [_activity(row.primary_key) for row in rows], _activity(rest) if rest else None

    def infos(self, user_id: str, session_ids: Sequence[str]) -> list[SessionInfo]:
        """Those of the sessions that are the user's; up to 100."""
        if not session_ids:
            return []
        request = ots.BatchGetRowRequest()
        keys = [[("user_id", user_id), ("session_id", each)] for each in session_ids]
        columns = [WATERMARK, "update_time"]
        request.add(ots.TableInBatchGetRowItem(self._names.session, keys, columns, None, 1))
        with translated("BatchGetRow sessions"):
            answers = self._client.batch_get_row(request).get_result_by_table(self._names.session)
        for answer in answers:
            if not answer.is_ok:
                raise from_code(answer.error_code, answer.error_message)
        return [_with_user(answer.row)[1] for answer in answers if answer.row is not None]

    def scan_page(
        self, count: int, begin: tuple[Any, Any] | None
    ) -> tuple[list[tuple[str, SessionInfo]], tuple[str, str] | None]:
        """Up to `count` sessions of all users from `begin` (user, session; bounds, too) on, and where to go on."""
        first: Any = begin or (ots.INF_MIN, ots.INF_MIN)
        start = list(zip(("user_id", "session_id"), first, strict=True))
        end = [("user_id", ots.INF_MAX), ("session_id", ots.INF_MAX)]
        found, rest = self._page(start, end, [WATERMARK, "update_time"], count)
        return found, (str(rest[0][1]), str(rest[1][1])) if rest else None

    def _page(
        self, start: Any, end: Any, columns: list[str] | None = None, count: int | None = None
    ) -> tuple[list[tuple[str, SessionInfo]], Any]:
        with translated("GetRange sessions"):
            _, rest, rows, _ = self._client.get_range(
                self._names.session, "FORWARD", start, end, columns, count, max_version=1
            )
        return [_with_user(row) for row in rows], rest

    def watermark(self, user_id: str, session_id: str) -> int:
        """The created_at (µs) up to which facts were extracted; 0 if none were."""
        return integer(self._columns(user_id, session_id) or {}, WATERMARK)

    def _columns(self, user_id: str, session_id: str) -> Columns | None:
        """None if the session has no row."""
        key = [("user_id", user_id), ("session_id", session_id)]
        columns = [WATERMARK, "update_time", PUBLISHED]
        with translated("GetRow session"):
            _, row, _ = self._client.get_row(self._names.session, key, columns, None, 1)
        if row is None:
            return None
        return {cell[0]: cell[1] for cell in row.attribute_columns}

    def advance_watermark(self, user_id: str, session_id: str, old: int, new: int) -> None:
        """Move the watermark from `old` to `new`. Raises RowConflict if it is no longer `old`.

        A session without a row was forgotten meanwhile: it gets none.
        """
        if new <= old:
            return
        still_old = ots.SingleColumnCondition(
            WATERMARK, old, ots.ComparatorType.EQUAL, pass_if_missing=old == 0
        )
        row = ots.Row(
            [("user_id", user_id), ("session_id", session_id)], {"put": [(WATERMARK, new)]}
        )
        condition = ots.Condition(ots.RowExistenceExpectation.EXPECT_EXIST, still_old)
        try:
            with translated("UpdateRow watermark"):
                self._client.update_row(self._names.session, row, condition)
        except RowConflict:
            now = self._columns(user_id, session_id)
            if now is not None and integer(now, WATERMARK) < new:
                raise

    def row(self, user_id: str, session_id: str, update_time: int) -> RowWrite:
        """The session's row made or moved forward."""
        return session_row(self._names.session, user_id, session_id, update_time)

    def deletion(self, user_id: str, session_id: str) -> RowWrite:
        key = (("user_id", user_id), ("session_id", session_id))
        return RowWrite(self._names.session, key, (), kind="delete")

    def rows(self, user_id: str, session_id: str, since: int | None = None) -> Iterator[MessageRow]:
        """The user's message rows in order, from created_at `since` (µs, inclusive), page by page."""
        return self._of(user_id, session_id, self.stored.forward(session_id, since))

    def rows_from(
        self, user_id: str, session_id: str, begin: tuple[int, str] | None, page: int
    ) -> Iterator[MessageRow]:
        """The same from a message (created_at, id) on, so many a request."""
        return self._of(user_id, session_id, self.stored.forward_from(session_id, begin, page))

    def messages(
        self, user_id: str, session_id: str, *, since: int | None = None
    ) -> Iterator[Turn]:
        """The user's messages in order, from created_at `since` (µs, inclusive), read page by page."""
        return (row.said for row in self.rows(user_id, session_id, since))

    def messages_before(self, user_id: str, session_id: str, before: int, count: int) -> list[Turn]:
        """Up to `count` messages just before created_at `before` (µs, exclusive), in order."""
        rows = self.rows_before(user_id, session_id, before, count)
        return [row.said for row in islice(rows, count)][::-1]

    def rows_before(
        self,
        user_id: str,
        session_id: str,
        before: int | None,
        page: int,
        since: int | None = None,
    ) -> Iterator[MessageRow]:
        """The user's message rows, the latest first: created_at from `since` on and before `before` (µs)."""
        rows = self.stored.backward(session_id, before, page, since)
        return self._of(user_id, session_id, rows)

    def is_theirs_alone(self, user_id: str, session_id: str) -> bool:
        """Whether an app says that the user has the session, and no row of it names another.

        A row that ingestion made says only that something was published, which anybody may do.
        """
        columns = self._columns(user_id, session_id)
        has_it = columns is not None and PUBLISHED not in columns
        return has_it and not self.stored.name_another(session_id, user_id)

    def _of(
        self, user_id: str, session_id: str, rows: Iterable[MessageRow]
    ) -> Iterator[MessageRow]:
        return of_user(rows, user_id, lambda: self.is_theirs_alone(user_id, session_id))


def _activity(key: Iterable[Any]) -> Activity:
    values = {cell[0]: cell[1] for cell in key}
    return values["update_time"], values["session_id"]


def _info(session_id: str, columns: Columns) -> SessionInfo:
    return SessionInfo(session_id, integer(columns, "update_time"), integer(columns, WATERMARK))


def _with_user(row: ots.Row) -> tuple[str, SessionInfo]:
    (_, user_id), (_, session_id) = row.primary_key
    return user_id, _info(session_id, {cell[0]: cell[1] for cell in row.attribute_columns})
