"""Sessions and their messages as stored, and each session's watermark: how far facts were extracted.

Reads go by primary key, so what was written is seen; no index that lags is asked.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tablestore as ots
from tablestore_for_agent_memory.base.base_memory_store import Message as StoredMessage
from tablestore_for_agent_memory.base.common import Order

from tablestore_memory.worker.errors import RowConflict
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.parts import spoken
from tablestore_memory.worker.stores.rows import UTC_OFFSET, WATERMARK, RowWrite, message_key
from tablestore_memory.worker.stores.tables import TableNames, memory_store

_PAGE = 200  # messages a GetRange


@dataclass(frozen=True, slots=True)
class SessionInfo:
    session_id: str
    update_time: int  # µs since the epoch
    watermark: int  # µs; 0 when nothing was extracted yet


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who said what and when (µs; minutes east of UTC)."""

    message_id: str
    created_at: int
    role: str
    speaker: str
    text: str
    message_type: str
    utc_offset_min: int = 0


class Sessions:
    """Reads sessions and messages; moves watermarks."""

    def __init__(self, client: ots.OTSClient, names: TableNames) -> None:
        self._client = client
        self._names = names
        self._store = memory_store(client, names)

    def of_user(self, user_id: str) -> list[SessionInfo]:
        """All sessions of a user, oldest activity first."""
        with translated("list sessions"):
            rows = list(self._store.list_sessions(user_id))
        found = [
            SessionInfo(row.session_id, row.update_time or 0, int(row.metadata.get(WATERMARK, 0)))
            for row in rows
        ]
        return sorted(found, key=lambda info: (info.update_time, info.session_id))

    def some(
        self, count: int, begin: tuple[str, str] | None
    ) -> tuple[list[tuple[str, SessionInfo]], tuple[str, str] | None]:
        """Up to `count` sessions of all users from `begin` (user, session) on, and where to go on."""
        first: Any = begin or (ots.INF_MIN, ots.INF_MIN)
        start = list(zip(("user_id", "session_id"), first, strict=True))
        end = [("user_id", ots.INF_MAX), ("session_id", ots.INF_MAX)]
        columns = [WATERMARK, "update_time"]
        with translated("GetRange sessions"):
            _, rest, rows, _ = self._client.get_range(
                self._names.session, "FORWARD", start, end, columns, count, max_version=1
            )
        found = [_with_user(row) for row in rows]
        return found, (str(rest[0][1]), str(rest[1][1])) if rest else None

    def watermark(self, user_id: str, session_id: str) -> int:
        """The created_at (µs) up to which facts were extracted; 0 if none were."""
        return self._watermark(user_id, session_id) or 0

    def _watermark(self, user_id: str, session_id: str) -> int | None:
        """None if the session has no row."""
        key = [("user_id", user_id), ("session_id", session_id)]
        with translated("GetRow session"):
            _, row, _ = self._client.get_row(
                self._names.session, key, [WATERMARK, "update_time"], None, 1
            )
        if row is None:
            return None
        columns = {column[0]: column[1] for column in row.attribute_columns}
        return int(columns.get(WATERMARK, 0))

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
            now = self._watermark(user_id, session_id)
            if now is not None and now < new:
                raise

    def deletion(self, user_id: str, session_id: str) -> RowWrite:
        key = (("user_id", user_id), ("session_id", session_id))
        return RowWrite(self._names.session, key, (), kind="delete")

    def message_deletion(self, session_id: str, said: Said) -> RowWrite:
        return RowWrite(
            self._names.message,
            message_key(session_id, said.created_at, said.message_id),
            (),
            kind="delete",
        )

    def messages(
        self, user_id: str, session_id: str, *, since: int | None = None
    ) -> Iterator[Said]:
        """The user's messages in order, from created_at `since` (µs, inclusive), read page by page."""
        with translated("GetRange messages"):
            stored = self._store.list_messages(
                session_id,
                order=Order.ASC,
                inclusive_start_create_time=since,
                batch_size=_PAGE,
            )
            for message in stored:
                if message.metadata.get("user_id", user_id) == user_id:
                    yield _said(message)

    def messages_before(self, user_id: str, session_id: str, before: int, count: int) -> list[Said]:
        """Up to `count` messages just before created_at `before` (µs, exclusive), in order."""
        with translated("GetRange messages"):
            stored = list(
                self._store.list_messages(
                    session_id,
                    order=Order.DESC,
                    inclusive_start_create_time=before - 1,
                    max_count=count,
                )
            )
        said = [_said(m) for m in stored if m.metadata.get("user_id", user_id) == user_id]
        return said[::-1]


def _with_user(row: ots.Row) -> tuple[str, SessionInfo]:
    key = dict(row.primary_key)
    columns = {column[0]: column[1] for column in row.attribute_columns}
    info = SessionInfo(
        key["session_id"], int(columns.get("update_time", 0)), int(columns.get(WATERMARK, 0))
    )
    return key["user_id"], info


def _said(message: StoredMessage) -> Said:
    fields = message.metadata
    role = str(fields.get("role", "user"))
    return Said(
        message_id=message.message_id,
        created_at=message.create_time or 0,
        role=role,
        speaker=_speaker(fields, role),
        text=_text(message.content, fields),
        message_type=str(fields.get("type", "message")),
        utc_offset_min=int(fields.get(UTC_OFFSET, 0)),
    )


def _speaker(fields: dict[str, Any], role: str) -> str:
    """The name the publisher gave in `metadata`, else the role."""
    try:
        name = json.loads(fields.get("metadata", "{}")).get("name")
    except (ValueError, AttributeError):
        name = None
    return name if isinstance(name, str) and name else role


def _text(content: str | None, fields: dict[str, Any]) -> str:
    """What was said; of a tool call or its result the parts as they are."""
    listed = fields.get("content_list")
    if not isinstance(listed, str) or listed in ("[]", "null"):
        return content or ""
    return spoken(content, listed) if fields.get("type", "message") == "message" else listed
