"""Messages as they stand in their table, in order, and whose each of them is.

A row names its user in a column, as the table's key knows sessions only. Rows of AgentScope's own service
name nobody: such a row is a user's only if an app gave them the session and no row of it names another user.
Reads go by primary key, so what was written is seen; no index that lags is asked.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, cached_property
from typing import Any, NamedTuple

import tablestore as ots

from tablestore_memory.worker.stores.columns import Columns, integer, json_object, moment, text
from tablestore_memory.worker.stores.conditions import names_another
from tablestore_memory.worker.stores.errors import from_code, translated
from tablestore_memory.worker.stores.memory import Memory, session_of
from tablestore_memory.worker.stores.parts import spoken
from tablestore_memory.worker.stores.rows import OWNER, RECEIVED, UTC_OFFSET, RowWrite, message_key

_PAGE = 200  # rows a GetRange
_ROWS_A_READ = 100  # of a BatchGetRow
_ALIKE = 10  # messages of one id in a session; there is one, as a rule
_MOST_EAST_MIN = 24 * 60  # a time zone is less than a day from UTC


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who said what and when (µs; minutes east of UTC).

    `received_ms` is when it was published, by Redis' clock; where the row does not say, when the row
    was written.
    """

    message_id: str
    created_at: int
    role: str
    speaker: str
    text: str
    message_type: str
    utc_offset_min: int = 0
    received_ms: int = 0

    @property
    def at(self) -> datetime:
        """When it was for its speaker, whose "yesterday" it is."""
        zone = timezone(timedelta(minutes=self.utc_offset_min))
        return moment(self.created_at, zone)


class MessageKey(NamedTuple):
    """The primary key of a row, in the order of the rows; `created_at` in µs."""

    session_id: str
    created_at: int
    message_id: str


@dataclass(frozen=True)
class MessageRow:
    """A row as it stands; `written_ms` is when, by Tablestore's clock."""

    session_id: str
    created_at: int
    message_id: str
    columns: Columns
    written_ms: int

    @property
    def owner(self) -> str | None:
        """None for a row that names nobody."""
        return text(self.columns, OWNER) or None

    @property
    def received_ms(self) -> int | None:
        """None for a row without a receipt."""
        return integer(self.columns, RECEIVED) or None

    @cached_property
    def said(self) -> Turn:
        fields = self.columns
        role = text(fields, "role", "user")
        offset_min = integer(fields, UTC_OFFSET)
        return Turn(
            message_id=self.message_id,
            created_at=self.created_at,
            role=role,
            speaker=text(json_object(fields, "metadata"), "name") or role,
            text=_said_text(fields),
            message_type=text(fields, "type", "message"),
            utc_offset_min=offset_min if abs(offset_min) < _MOST_EAST_MIN else 0,
            received_ms=self.received_ms or self.written_ms,
        )


class Messages:
    """The message table; rows come with these `columns`, or with all."""

    def __init__(
        self, client: ots.OTSClient, table: str, index: str, columns: Sequence[str] | None = None
    ) -> None:
        self._client = client
        self._table = table
        self._index = index
        self._columns = None if columns is None else list(columns)

    def forward(
        self, session_id: str, since: int | None = None, page: int = _PAGE
    ) -> Iterator[MessageRow]:
        """All rows of a session in order, whosever, from created_at `since` (µs, inclusive) on."""
        first = ots.INF_MIN if since is None else since
        return self._range("FORWARD", (session_id, first, ots.INF_MIN), ots.INF_MAX, page)

    def forward_from(
        self, session_id: str, begin: tuple[int, str] | None, page: int
    ) -> Iterator[MessageRow]:
        """The same from a message (created_at, id) on, itself included, so many a request."""
        first = begin or (ots.INF_MIN, ots.INF_MIN)
        return self._range("FORWARD", (session_id, *first), ots.INF_MAX, page)

    def keys_of(self, session_id: str, message_id: str) -> list[MessageKey]:
        """Where the messages of this id stand in a session: one, as a rule. Asks the table's own index."""
        start, end = (
            [("session_id", session_id), ("message_id", message_id), ("create_time", bound)]
            for bound in (ots.INF_MIN, ots.INF_MAX)
        )
        with translated("GetRange messages by id"):
            _, _, rows, _ = self._client.get_range(
                self._index, "FORWARD", start, end, limit=_ALIKE, max_version=1
            )
        return [key_of(row.primary_key) for row in rows]

    def backward(
        self, session_id: str, before: int | None, page: int, since: int | None = None
    ) -> Iterator[MessageRow]:
        """All rows of a session, the latest first: created_at from `since` on and before `before` (µs)."""
        first = ots.INF_MAX if before is None else before - 1
        last = ots.INF_MIN if since is None else since
        return self._range("BACKWARD", (session_id, first, ots.INF_MAX), last, page)

    def at(self, keys: Sequence[MessageKey]) -> Iterator[MessageRow]:
        """Those of the rows that exist, whosever."""
        for start in range(0, len(keys), _ROWS_A_READ):
            some = [
                _key(key.session_id, key.created_at, key.message_id)
                for key in keys[start : start + _ROWS_A_READ]
            ]
            request = ots.BatchGetRowRequest()
            request.add(ots.TableInBatchGetRowItem(self._table, some, self._columns, None, 1))
            with translated("BatchGetRow messages"):
                answers = self._client.batch_get_row(request).get_result_by_table(self._table)
            for answer in answers:
                if not answer.is_ok:
                    raise from_code(answer.error_code, answer.error_message)
                if answer.row is not None:
                    yield _row(answer.row)

    def name_another(self, session_id: str, user_id: str) -> bool:
        """Whether a row of the session names a user, and not this one."""
        start: Any = _key(session_id, ots.INF_MIN, ots.INF_MIN)
        while start is not None:
            with translated("GetRange messages"):
                _, start, rows, _ = self._client.get_range(
                    *(self._table, "FORWARD", start, _key(session_id, ots.INF_MAX, ots.INF_MAX)),
                    columns_to_get=[OWNER],
                    column_filter=names_another(user_id),
                    max_version=1,
                )
            if rows:
                return True
        return False

    def deletion(self, user_id: str, row: MessageRow, upto_ms: int) -> RowWrite:
        """Of a row that is this user's, if it was received by then; republished since, it stays."""
        return RowWrite(
            self._table,
            message_key(row.session_id, row.created_at, row.message_id),
            (),
            kind="delete",
            owner=user_id,
            or_unowned=row.owner is None,
            upto_ms=upto_ms,
        )

    def _range(
        self, direction: str, first: tuple[Any, ...], bound: Any, page: int = _PAGE
    ) -> Iterator[MessageRow]:
        start: Any = _key(*first)
        end = _key(first[0], bound, ots.INF_MAX if direction == "FORWARD" else ots.INF_MIN)
        while start is not None:
            with translated("GetRange messages"):
                _, start, rows, _ = self._client.get_range(
                    *(self._table, direction, start, end, self._columns), limit=page, max_version=1
                )
            yield from map(_row, rows)


def messages_of(memory: Memory) -> Iterator[MessageKey]:
    """Those that it was taken from; not where an earlier release kept no time."""
    for source in memory.sources:
        session_id = session_of(source, memory)
        if source.created_at and session_id:
            yield MessageKey(session_id, source.created_at, source.message_id)


def key_of(primary_key: Iterable[Any]) -> MessageKey:
    """Of a row of the table or of one of its indexes."""
    values = {cell[0]: cell[1] for cell in primary_key}
    return MessageKey(values["session_id"], values["create_time"], values["message_id"])


def of_user(
    rows: Iterable[MessageRow], user_id: str, is_theirs_alone: Callable[[], bool]
) -> Iterator[MessageRow]:
    """Those of the rows that are a user's; whether a session is theirs alone is asked once, if at all."""
    alone = cache(is_theirs_alone)
    for row in rows:
        if row.owner == user_id or (row.owner is None and alone()):
            yield row


def _key(session_id: str, created_at: object, message_id: object) -> list[tuple[str, object]]:
    return [("session_id", session_id), ("create_time", created_at), ("message_id", message_id)]


def _row(row: ots.Row) -> MessageRow:
    (_, session_id), (_, created_at), (_, message_id) = row.primary_key
    cells = row.attribute_columns
    return MessageRow(
        session_id,
        created_at,
        message_id,
        {cell[0]: cell[1] for cell in cells},
        max((cell[2] for cell in cells), default=0),
    )


def _said_text(fields: Columns) -> str:
    """What was said; of a tool call or its result the parts as they are."""
    content, listed = text(fields, "content"), text(fields, "content_list")
    if listed in ("", "[]", "null"):
        return content
    plain = text(fields, "type", "message") == "message"
    return spoken(content or None, listed) if plain else listed
