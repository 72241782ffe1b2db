"""What is no longer true: the old text, what took its place, why and when. Ours alone, by primary key.

It stands apart because AgentScope's readers filter the memory table by user only: a replaced fact left
there would be told as true. An entry is the same however often it is written.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import tablestore as ots

from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.memories import Memory, Source
from tablestore_memory.worker.stores.rows import Key, RowWrite, Value, to_json
from tablestore_memory.worker.stores.tables import TableNames


@dataclass(frozen=True, slots=True)
class Replaced:
    """One entry: true from `valid_from` until `replaced_at`, both in µs since the epoch."""

    document_id: str
    replaced_at: int
    text: str
    valid_from: int
    replaced_by: str
    new_text: str
    reason: str
    kind: str = "fact"
    session_id: str = ""
    sources: tuple[Source, ...] = ()


class History:
    def __init__(self, client: ots.OTSClient, names: TableNames) -> None:
        self._client = client
        self._table = names.history

    def row(self, old: Memory, new: Memory, *, reason: str) -> RowWrite:
        """The entry for `old`, which ended when `new` began to hold."""
        # A restated fact began before what it outlives.
        ended = new.valid_from if new.valid_from >= old.stated_at else new.stated_at
        columns: tuple[tuple[str, Value], ...] = (
            ("text", old.text),
            ("valid_from", old.valid_from),
            ("replaced_by", new.document_id),
            ("new_text", new.text),
            ("reason", reason),
            ("kind", old.kind),
            ("session_id", old.session_id),
            ("sources", to_json([asdict(source) for source in old.sources])),
        )
        return RowWrite(self._table, _key(old.user_id, ended, old.document_id), columns)

    def deletions(self, user_id: str, before: int, session_id: str | None = None) -> list[RowWrite]:
        """The deletions of a user's entries up to `before` (µs), of one session or of all."""
        return [
            RowWrite(self._table, _key(user_id, e.replaced_at, e.document_id), (), kind="delete")
            for e in self.of_user(user_id)
            if e.replaced_at <= before and (session_id is None or session_id in _sessions(e))
        ]

    def of_user(self, user_id: str, *, since: int = 0) -> list[Replaced]:
        """What was replaced for a user at `since` (µs) or later, oldest first."""
        start: Any = _bound(user_id, since, ots.INF_MIN)
        end = _bound(user_id, ots.INF_MAX, ots.INF_MAX)
        entries: list[Replaced] = []
        while start is not None:
            with translated("GetRange history"):
                _, start, rows, _ = self._client.get_range(
                    self._table, ots.Direction.FORWARD, start, end, max_version=1
                )
            entries += [_entry(row) for row in rows]
        return entries


def _key(user_id: str, replaced_at: int, document_id: str) -> Key:
    return (("user_id", user_id), ("replaced_at", replaced_at), ("document_id", document_id))


def _bound(user_id: str, replaced_at: object, document_id: object) -> list[tuple[str, object]]:
    return [("user_id", user_id), ("replaced_at", replaced_at), ("document_id", document_id)]


def _entry(row: ots.Row) -> Replaced:
    key = dict(row.primary_key)
    columns = {column[0]: column[1] for column in row.attribute_columns}
    sources = _sources(columns)
    return Replaced(
        document_id=key["document_id"],
        replaced_at=key["replaced_at"],
        **(columns | {"sources": sources}),
    )


def _sessions(entry: Replaced) -> set[str]:
    return {entry.session_id, *(source.session_id for source in entry.sources)}


def _sources(columns: Mapping[str, Any]) -> tuple[Source, ...]:
    return tuple(Source(**source) for source in json.loads(columns.get("sources", "[]")))
