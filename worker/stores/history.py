"""What is no longer true: the old text, what took its place, why and when. Ours alone, by primary key.

It stands apart because AgentScope's readers filter the memory table by user only: a replaced fact left
there would be told as true. An entry is the same however often it is written.

Somebody who corrects a memory by hand leaves an entry that never held; who deletes one, an entry without any
text: a tombstone, by which the same fact is known if it is extracted again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import tablestore as ots

from tablestore_memory.worker.stores.columns import Columns as Found
from tablestore_memory.worker.stores.columns import integer, json_list, stamp, text
from tablestore_memory.worker.stores.documents import DEFAULT_TENANT, TENANT
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.memory import Memory, Source, citations
from tablestore_memory.worker.stores.memory_rows import sources_of
from tablestore_memory.worker.stores.rows import RECEIVED, Columns, Key, RowWrite, to_json
from tablestore_memory.worker.stores.tables import TableNames

DELETED = "deleted by hand"
_BY_HAND, _CITED = "by_hand", "cited"


@dataclass(frozen=True, slots=True)
class Replaced:
    """One entry: true from `valid_from` until `replaced_at`, both in µs since the epoch.

    `received_ms` is the earliest receipt of anything that has a part in either text; 0 if that is not
    known. What was corrected or deleted `by_hand` was not true: `cited` are hashes of the words it rested on.
    `written_ms` is when the entry was written, by Tablestore's clock.
    """

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
    received_ms: int = 0
    by_hand: bool = False
    cited: tuple[str, ...] = ()
    written_ms: int = field(default=0, compare=False)

    def names(self, memory: Memory) -> bool:
        """Whether it is this very fact, found in something said before."""
        return memory.document_id == self.document_id and memory.stated_at <= self.replaced_at

    def has_all(self, words: set[str], stated_at: int) -> bool:
        """Whether these are words, said before, that what was corrected or deleted by hand rested on."""
        return bool(words) and stated_at <= self.replaced_at and words <= set(self.cited)


class History:
    """One tenant's entries: a column says whose, as the key knows no tenant; those of the default one lack it."""

    def __init__(
        self, client: ots.OTSClient, names: TableNames, tenant: str = DEFAULT_TENANT
    ) -> None:
        self._client = client
        self._table = names.history
        self._tenant = tenant

    def row(self, old: Memory, new: Memory, *, reason: str, by_hand_at: int = 0) -> RowWrite:
        """The entry for `old`, which ended when `new` began to hold, or when it was corrected by hand (µs)."""
        columns: Columns = (
            ("text", old.text),
            ("valid_from", old.valid_from),
            ("replaced_by", new.document_id),
            ("new_text", new.text),
            ("reason", reason),
            ("kind", old.kind),
            ("session_id", old.session_id),
            ("sources", to_json([asdict(source) for source in old.sources])),
            (RECEIVED, min(old.received_ms, new.received_ms)),
        )
        if by_hand_at:
            columns += _cited(citations(old.user_id, old.sources), by_hand=True)
        return self._put(_entry_key(old, new, by_hand_at), columns)

    def tombstone(self, memory: Memory, at: int) -> RowWrite:
        """What is left of a memory that was deleted by hand: no text, and nothing that names a session."""
        cited = citations(memory.user_id, memory.sources)
        key = _key(memory.user_id, at, memory.document_id)
        return self._put(key, _emptied("", memory.received_ms, cited, by_hand=True))

    def emptied(self, user_id: str, entry: Replaced) -> RowWrite:
        """The same of an entry: what a memory was before it was deleted. What took its place is no edit of it."""
        cited = entry.cited or citations(user_id, entry.sources)
        key = _key(user_id, entry.replaced_at, entry.document_id)
        columns = _emptied(entry.replaced_by, entry.received_ms, cited, by_hand=entry.by_hand)
        return self._put(key, columns)

    def undoing(self, old: Memory, new: Memory, upto_ms: int, *, by_hand_at: int = 0) -> RowWrite:
        """The deletion of the entry of `row`, if it was received by then."""
        key = _entry_key(old, new, by_hand_at)
        return RowWrite(self._table, key, (), kind="delete", upto_ms=upto_ms)

    def deletion(self, user_id: str, entry: Replaced, upto_ms: int) -> RowWrite:
        """Of one entry, if it was received by then."""
        key = _key(user_id, entry.replaced_at, entry.document_id)
        return RowWrite(self._table, key, (), kind="delete", upto_ms=upto_ms)

    def of_user(self, user_id: str, *, since: int = 0) -> list[Replaced]:
        """What was replaced for a user at `since` (µs) or later, oldest first."""
        return list(self.every(user_id, since=since))

    def every(self, user_id: str, *, since: int = 0) -> Iterator[Replaced]:
        """The same page by page."""
        start: Any = _bound(user_id, since, ots.INF_MIN)
        end = _bound(user_id, ots.INF_MAX, ots.INF_MAX)
        while start is not None:
            with translated("GetRange history"):
                _, start, rows, _ = self._client.get_range(
                    self._table, ots.Direction.FORWARD, start, end, max_version=1
                )
            yield from (_entry(row) for row in rows if self._is_ours(row))

    def latest(
        self, user_id: str, count: int, begin: tuple[int, str] | None = None
    ) -> tuple[list[Replaced], tuple[int, str] | None]:
        """About `count` entries, the latest first, from one (replaced_at, document_id) on, and where to go on."""
        start = _bound(user_id, *(begin or (ots.INF_MAX, ots.INF_MAX)))
        with translated("GetRange history"):
            _, rest, rows, _ = self._client.get_range(
                *(self._table, ots.Direction.BACKWARD, start),
                _bound(user_id, ots.INF_MIN, ots.INF_MIN),
                limit=count,
                max_version=1,
            )
        found = [_entry(row) for row in rows if self._is_ours(row)]
        return found, (rest[1][1], rest[2][1]) if rest else None

    def _put(self, key: Key, columns: Columns) -> RowWrite:
        if self._tenant != DEFAULT_TENANT:
            columns += ((TENANT, self._tenant),)
        return RowWrite(self._table, key, columns)

    def _is_ours(self, row: ots.Row) -> bool:
        return text(_columns(row), TENANT, DEFAULT_TENANT) == self._tenant


def _cited(cited: Sequence[str], *, by_hand: bool) -> Columns:
    words: Columns = ((_CITED, to_json(cited)),)
    return ((_BY_HAND, True), *words) if by_hand else words


def _emptied(replaced_by: str, received_ms: int, cited: Sequence[str], *, by_hand: bool) -> Columns:
    told: Columns = (("replaced_by", replaced_by), ("reason", DELETED), (RECEIVED, received_ms))
    return told + _cited(cited, by_hand=by_hand)


def _entry_key(old: Memory, new: Memory, by_hand_at: int) -> Key:
    # A restated fact began before what it outlives.
    ended = new.valid_from if new.valid_from >= old.stated_at else new.stated_at
    return _key(old.user_id, by_hand_at or ended, old.document_id)


def _key(user_id: str, replaced_at: int, document_id: str) -> Key:
    return (("user_id", user_id), ("replaced_at", replaced_at), ("document_id", document_id))


def _bound(user_id: str, replaced_at: object, document_id: object) -> list[tuple[str, object]]:
    return [("user_id", user_id), ("replaced_at", replaced_at), ("document_id", document_id)]


def _entry(row: ots.Row) -> Replaced:
    _, (_, replaced_at), (_, document_id) = row.primary_key
    columns = _columns(row)
    return Replaced(
        document_id=document_id,
        replaced_at=replaced_at,
        text=text(columns, "text"),
        valid_from=stamp(columns, "valid_from"),
        replaced_by=text(columns, "replaced_by"),
        new_text=text(columns, "new_text"),
        reason=text(columns, "reason"),
        kind=text(columns, "kind", "fact"),
        session_id=text(columns, "session_id"),
        sources=sources_of(columns),
        received_ms=integer(columns, RECEIVED),
        by_hand=columns.get(_BY_HAND) is True,
        cited=tuple(each for each in json_list(columns, _CITED) if isinstance(each, str)),
        written_ms=max((cell[2] for cell in row.attribute_columns), default=0),
    )


def _columns(row: ots.Row) -> Found:
    return {cell[0]: cell[1] for cell in row.attribute_columns}
