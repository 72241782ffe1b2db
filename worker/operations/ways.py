"""The way of one event, stage by stage: what is known of each, when it was, and what nothing tells any more.

Nothing is kept for this alone. Times are those that entries, rows and announcements carry anyway; when a session's
watermark came past a message is not among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tablestore_memory.worker.indexing.announcements import announced_ms
from tablestore_memory.worker.operations import stages
from tablestore_memory.worker.operations.located import Located
from tablestore_memory.worker.operations.remembered import Fact, remembered_from
from tablestore_memory.worker.operations.session_work import work_in
from tablestore_memory.worker.operations.stages import Stage, State
from tablestore_memory.worker.operations.standing_entries import Standing
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.messages import MessageRow

_CARRIED_OUT_KNOWN = "what was carried out is known for a day"


@dataclass(frozen=True, slots=True)
class Way:
    stages: list[Stage]
    facts: list[Fact]


def way_of(s: Services, found: Located) -> Way:
    """Of an event that was located, or was not."""
    entry = next((each for each in found.entries if each.place != "dead"), None)
    dead = [stages.set_aside(each) for each in found.entries if each.place == "dead"]
    if found.row is not None:
        way = _of_message(s, found, found.row, entry)
        return Way([*way.stages, *dead], way.facts)
    if entry is not None:
        return Way([*stages.on_its_way(entry), *dead, *stages.not_yet(entry)], [])
    if dead:
        return Way([*stages.received(found.entries[0]), *dead], [])
    return Way(list(_traces(s, found)), [])


def _of_message(s: Services, found: Located, row: MessageRow, entry: Standing | None) -> Way:
    way = [
        Stage("Published", "done", "as its publisher's clock had it", row.created_at),
        stages.receipt(row),
        *([stages.in_stream(entry)] if entry else []),
        Stage("Stored", "done", "its row was last written", row.written_ms * 1000),
    ]
    if not found.user_id:
        text = "its row names no user: name one to see further"
        return Way([*way, Stage("Extracted", "unknown", text)], [])
    remembered = remembered_from(s, found.user_id, found.session_id)
    facts = remembered.of(row.message_id)
    watermark = s.sessions.watermark(found.user_id, found.session_id)
    work = work_in(s, found.user_id, [found.session_id])[found.session_id]
    is_extracted = watermark >= row.created_at and not work.takes(row.created_at)
    way += [
        stages.extracted(watermark) if is_extracted else stages.waiting(work),
        *_outcome(s, found.user_id, facts, is_extracted=is_extracted, whole=remembered.whole),
    ]
    return Way(way, facts)


def _outcome(
    s: Services, user_id: str, facts: Sequence[Fact], *, is_extracted: bool, whole: bool
) -> Iterator[Stage]:
    if not facts:
        state: State = ("done" if whole else "unknown") if is_extracted else "next"
        yield Stage("Remembered", state, _nothing_rests(whole=whole) if is_extracted else "")
        return
    ids = [fact.document_id for fact in facts if fact.until is None]
    written_ms = s.memories.written_ms(ids[:100]) if ids else {}
    latest_ms = max(written_ms.values(), default=0)
    yield Stage("Remembered", "done", _counted(facts, whole=whole), latest_ms * 1000 or None)
    if ids:
        yield _searchable(s, user_id, ids, min(written_ms.values(), default=0))


def _nothing_rests(*, whole: bool) -> str:
    if whole:
        return "no memory rests on it"
    return "no memory that was looked at rests on it; the user has more than were looked at"


def _counted(facts: Sequence[Fact], *, whole: bool) -> str:
    over = sum(fact.until is not None for fact in facts)
    text = f"memories that rest on it: {len(facts) - over}"
    text += f", and {over} that hold no more" if over else ""
    return text if whole else f"{text}; the user has more than were looked at"


def _searchable(s: Services, user_id: str, ids: Sequence[str], written_ms: int) -> Stage:
    waiting = set(s.unindexed.of_user(user_id)) & set(ids)
    if waiting:
        text = f"{len(waiting)} of {len(ids)} are not shown by the search index yet"
        return Stage("Searchable", "now", text, written_ms * 1000)
    announced = announced_ms(s.redis, s.streams, user_id, ids, written_ms)
    if announced.keys() >= set(ids):
        return Stage(
            "Searchable", "done", "the search index showed it", max(announced.values()) * 1000
        )
    return Stage("Searchable", "done", "nothing waits for the search index; when is not kept")


def _traces(s: Services, found: Located) -> Iterator[Stage]:
    """What is left of an event that stands nowhere."""
    if receipt := s.deletion_receipts.finished(found.event_id):
        deleted = sum(count for place, count in receipt.items() if place != "verified")
        yield Stage("Carried out", "done", f"forgotten: {deleted} deleted, and read back")
        return
    applied = found.user_id and s.journal.applied_ms(found.user_id, found.event_id)
    if applied:
        yield Stage("Carried out", "done", "its changes were made", applied * 1000)
        return
    yield Stage("Received by Redis", "unknown", _nowhere(found))
    if found.user_id:
        pair = found.user_id, found.session_id or None
        if upto := s.tombstones.upto([pair]).get(pair):
            text = "what was received of this user or session by then is forgotten; it may be part of it"
            yield Stage("Forgotten", "unknown", text, upto * 1000)


def _nowhere(found: Located) -> str:
    unseen = f" that were looked at ({found.unseen} were not)" if found.unseen else ""
    text = f"it stands in none of the streams{unseen}, and there is no row of a message of this id"
    if not found.by_id:
        text += " that can be found without its session: name that"
    return f"{text}. It may be with its publisher yet, or have left nothing: {_CARRIED_OUT_KNOWN}"
