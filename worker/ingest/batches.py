"""Stream entries become one batch of rows: who is in it, what was refused, what goes to extraction.

A batch holds at most 200 rows and 4 MB, over all sessions of a partition, with one row for each session
it touches. A message that is written anew within a batch is one row, the later one. Where two users write
at one key, a batch ends in between: who has the key is the store's to say, in their order. Nothing here does I/O.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import Event, Message, decode
from tablestore_memory.worker.failures.errors import Final
from tablestore_memory.worker.ingest.late import is_covered
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.tombstones import Pair, pair_of
from tablestore_memory.worker.stores.batch import MAX_BODY_BYTES, MAX_ROWS, UNUSABLE
from tablestore_memory.worker.stores.rows import Key, RowWrite, message_row, session_row
from tablestore_memory.worker.stores.tables import TableNames

# What a row has beside what its event says: names of columns, marks of what nobody set, its session's row.
ROW_BYTES = 600


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One stream entry; `rows` are indexes into the batch's rows, none for a command."""

    source: StreamEntry
    event: Event
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """One entry that can never be stored, and why."""

    source: StreamEntry
    reason: str
    error: str  # class of what refused it

    @classmethod
    def because(cls, source: StreamEntry, error: Exception) -> "Refused":
        """An error of ours says why; of any other only the kind is told, it may quote the event."""
        ours = isinstance(error, (MalformedEvent, Final))
        reason = str(error) if ours else "cannot be made a row"
        return cls(source, reason, type(error).__name__)


@dataclass(slots=True)
class Batch:
    rows: list[RowWrite] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    forgotten: list[StreamEntry] = field(default_factory=list)
    """Of somebody who was forgotten since they were received: to be taken off unstored."""


Upto = Callable[[Collection[Pair]], Mapping[Pair, int]]
"""The latest receipt that is forgotten, for each pair of which anything is."""
Build = Callable[[Sequence[StreamEntry], TableNames, Upto], Batch]
"""As `build_batch`."""


def nothing_forgotten(pairs: Collection[Pair]) -> Mapping[Pair, int]:
    return {}


def build_batch(
    entries: Sequence[StreamEntry],
    names: TableNames,
    upto: Upto = nothing_forgotten,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Batch:
    """Take entries from the front for as long as they fit; the rest waits for the next batch."""
    batch = Batch()
    builder = _Builder(batch, names, max_body_bytes)
    for source, event in _without_forgotten(entries, upto, batch.forgotten):
        try:
            if isinstance(event, MalformedEvent):
                raise event
            fits = builder.add(source, event)
        except (MalformedEvent, *UNUSABLE) as error:
            batch.refused.append(Refused.because(source, error))
            continue
        if not fits:
            break
    builder.finish()
    return batch


def _without_forgotten(
    entries: Sequence[StreamEntry], upto: Upto, forgotten: list[StreamEntry]
) -> list[tuple[StreamEntry, Event | MalformedEvent]]:
    """The entries with their events; those of somebody who was forgotten since go to `forgotten`."""
    decoded = [(source, _decoded(source.raw)) for source in entries]
    covered = upto({pair for each in decoded if (pair := _whose(*each))})
    if not covered:
        return decoded
    kept = []
    for source, event in decoded:
        if is_covered(source, _whose(source, event), covered):
            forgotten.append(source)
        else:
            kept.append((source, event))
    return kept


def _whose(source: StreamEntry, event: Event | MalformedEvent) -> Pair | None:
    return pair_of(source, None if isinstance(event, MalformedEvent) else event)


def _decoded(raw: bytes) -> Event | MalformedEvent:
    try:
        return decode(raw)
    except MalformedEvent as error:
        return error


@dataclass(slots=True)
class _Session:
    """A session of the batch: where its row stands, and what it is to say."""

    place: int
    newest: int  # created_at


class _Builder:
    def __init__(self, batch: Batch, names: TableNames, max_body_bytes: int) -> None:
        self._batch = batch
        self._names = names
        self._max_body_bytes = max_body_bytes
        self._places: dict[Key, int] = {}  # each taken by the user of its row
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._body_bytes = 0

    def add(self, source: StreamEntry, event: Event) -> bool:
        """False if the event does not fit any more."""
        if isinstance(event, Message):
            return self._add_message(source, event)
        self._batch.entries.append(Entry(source, event))
        return True

    def _add_message(self, source: StreamEntry, event: Message) -> bool:
        rows, row = self._batch.rows, message_row(self._names.message, event, source.received_ms)
        whose = (event.user_id, event.session_id)
        session, place = self._sessions.get(whose), self._places.get(row.key)
        if place is not None and rows[place].owner != row.owner:
            return False
        # The event says all that its row says, so it weighs as much.
        body_bytes = self._body_bytes + len(source.raw) + ROW_BYTES
        full = len(rows) + (1 if session else 2) > MAX_ROWS
        if rows and (full or body_bytes > self._max_body_bytes):
            return False
        self._body_bytes = body_bytes
        if place is None:
            self._places[row.key] = place = len(rows)
            rows.append(row)
        else:
            rows[place] = row
        if session is None:
            self._sessions[whose] = session = _Session(len(rows), event.created_at)
            rows.append(self._session_row(whose, event.created_at))
        elif event.created_at > session.newest:
            session.newest = event.created_at
        self._batch.entries.append(Entry(source, event, (place, session.place)))
        return True

    def _session_row(self, whose: tuple[str, str], newest: int) -> RowWrite:
        return session_row(self._names.session, *whose, newest, if_there=True)

    def finish(self) -> None:
        """Each session's row says the newest stamp."""
        for whose, session in self._sessions.items():
            self._batch.rows[session.place] = self._session_row(whose, session.newest)
