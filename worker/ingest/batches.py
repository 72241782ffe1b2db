"""Stream entries become one batch of rows: who is in it, what was refused, what goes to extraction.

A batch holds at most 200 rows and 4 MB, over all sessions of a partition, with one row for each session
it touches. The same message twice in a batch is one row. Nothing here does I/O.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import Event, Forget, Message, Remember, SessionEnd, decode
from tablestore_memory.worker.failures.errors import Final, NotOwner
from tablestore_memory.worker.ingest.late import is_covered
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.tombstones import Pair, pair_of
from tablestore_memory.worker.stores.batch import MAX_BODY_BYTES, MAX_ROWS, UNUSABLE
from tablestore_memory.worker.stores.rows import Key, RowWrite, message_row, session_row
from tablestore_memory.worker.stores.tables import TableNames

# What a row has beside what its event says: names of columns, marks of what nobody set, its session's row.
ROW_BYTES = 600


class Entry(msgspec.Struct, frozen=True):
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


def nothing_forgotten(pairs: Collection[Pair]) -> Mapping[Pair, int]:
    return {}


def build_batch(
    entries: Sequence[StreamEntry], names: TableNames, upto: Upto = nothing_forgotten
) -> Batch:
    """Take entries from the front for as long as they fit; the rest waits for the next batch."""
    batch = Batch()
    builder = _Builder(batch, names)
    for source, event in _without_forgotten(entries, upto, batch.forgotten):
        try:
            if isinstance(event, MalformedEvent):
                raise event
            fits = builder.add(source, event)
        except (MalformedEvent, NotOwner, *UNUSABLE) as error:
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
    pairs = [
        pair_of(source, None if isinstance(event, MalformedEvent) else event)
        for source, event in decoded
    ]
    covered = upto({pair for pair in pairs if pair})
    if not covered:
        return decoded
    kept = []
    for (source, event), pair in zip(decoded, pairs, strict=True):
        if is_covered(source, pair, covered):
            forgotten.append(source)
        else:
            kept.append((source, event))
    return kept


def _decoded(raw: bytes) -> Event | MalformedEvent:
    try:
        return decode(raw)
    except MalformedEvent as error:
        return error


class _Builder:
    def __init__(self, batch: Batch, names: TableNames) -> None:
        self._batch = batch
        self._names = names
        self._taken: list[tuple[StreamEntry, Event, int | None]] = []
        self._places: dict[Key, int] = {}  # each taken by the user of its row
        self._sessions: dict[tuple[str, str], int] = {}  # newest created_at
        self._body_bytes = 0

    def add(self, source: StreamEntry, event: Event) -> bool:
        """False if the event does not fit any more."""
        match event:
            case Message():
                return self._add_message(source, event)
            case SessionEnd() | Remember() | Forget():
                self._taken.append((source, event, None))
                return True

    def _add_message(self, source: StreamEntry, event: Message) -> bool:
        row = message_row(self._names.message, event, source.received_ms)
        session = (event.user_id, event.session_id)
        newest = self._sessions.get(session)
        index = self._places.get(row.key)
        if index is None:
            rows = len(self._batch.rows) + 1 + len(self._sessions) + (newest is None)
            # The event says all that its row says, so it weighs as much.
            body_bytes = self._body_bytes + len(source.raw) + ROW_BYTES
            if self._batch.rows and (rows > MAX_ROWS or body_bytes > MAX_BODY_BYTES):
                return False
            self._body_bytes = body_bytes
            self._places[row.key] = index = len(self._batch.rows)
            self._batch.rows.append(row)
        elif self._batch.rows[index].owner != row.owner:
            raise NotOwner
        self._sessions[session] = max(newest or 0, event.created_at)
        self._taken.append((source, event, index))
        return True

    def finish(self) -> None:
        """Add each session's row, and bind its messages' entries to it."""
        rows = self._batch.rows
        places = {session: len(rows) + n for n, session in enumerate(self._sessions)}
        for session, newest in self._sessions.items():
            rows.append(session_row(self._names.session, *session, newest, if_there=True))
        for source, event, index in self._taken:
            if index is None:
                self._batch.entries.append(Entry(source, event))
            else:
                place = places[(event.user_id, str(event.session_id))]
                self._batch.entries.append(Entry(source, event, (index, place)))
