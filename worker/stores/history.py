"""What is no longer true: the old text, what took its place, why and when. Ours alone, by primary key.

It stands apart because AgentScope's readers filter the memory table by user only: a replaced fact left
there would be told as true.
"""

from dataclasses import dataclass

import tablestore as ots

from worker.stores.errors import translated
from worker.stores.memories import Memory
from worker.stores.rows import Key, RowWrite, Value
from worker.stores.tables import TableNames


@dataclass(frozen=True, slots=True)
class Replaced:
    """One entry; `replaced_at`, `valid_from` in µs since the epoch."""

    document_id: str
    replaced_at: int
    text: str
    valid_from: int
    replaced_by: str
    new_text: str
    reason: str


class History:
    def __init__(self, client: ots.OTSClient, names: TableNames) -> None:
        self._client = client
        self._table = names.history

    def row(self, old: Memory, new: Memory, *, reason: str) -> RowWrite:
        """The entry for `old`, replaced when `new` became valid; the same entry however often made."""
        key = _key(old.user_id, new.valid_from, old.document_id)
        columns: tuple[tuple[str, Value], ...] = (
            ("text", old.text),
            ("valid_from", old.valid_from),
            ("replaced_by", new.document_id),
            ("new_text", new.text),
            ("reason", reason),
        )
        return RowWrite(self._table, key, columns)

    def deletions(self, user_id: str, before: int) -> list[RowWrite]:
        """The deletions of a user's entries up to `before` (µs)."""
        return [
            RowWrite(self._table, _key(user_id, e.replaced_at, e.document_id), (), kind="delete")
            for e in self.of_user(user_id)
            if e.replaced_at <= before
        ]

    def of_user(self, user_id: str) -> list[Replaced]:
        """All that was replaced for a user, oldest first."""
        start = [("user_id", user_id), ("replaced_at", ots.INF_MIN), ("document_id", ots.INF_MIN)]
        end = [("user_id", user_id), ("replaced_at", ots.INF_MAX), ("document_id", ots.INF_MAX)]
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


def _entry(row: ots.Row) -> Replaced:
    key = dict(row.primary_key)
    columns = {column[0]: column[1] for column in row.attribute_columns}
    return Replaced(document_id=key["document_id"], replaced_at=key["replaced_at"], **columns)
