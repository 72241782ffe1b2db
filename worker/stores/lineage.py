"""What a memory was before, and what it has become by hand: told from the history, by document ids."""

from collections.abc import Iterable, Sequence

from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memories


def current(
    memories: Memories, history: Iterable[Replaced], user_id: str, memory_id: str
) -> Embedded | None:
    """The user's memory with this id, or what it was made by hand since: an edit gives it another id.

    The history is looked at after the memory, and only where none has this id: an edit writes it first, so give it
    lazily where no lease is held.
    """
    if found := _own(memories, user_id, memory_id):
        return found
    by_hand = (entry for entry in history if entry.by_hand)
    became = (_own(memories, user_id, each) for each in line(memory_id, by_hand)[1:])
    return next(filter(None, became), None)


def line(memory_id: str, entries: Iterable[Replaced]) -> list[str]:
    """The id, and by these entries what it became, one after the other."""
    became = {entry.document_id: entry.replaced_by for entry in entries}
    ids = [memory_id]
    while following := became.pop(ids[-1], ""):
        ids.append(following)
    return ids


def past(ids: Iterable[str], history: Sequence[Replaced]) -> list[Replaced]:
    """The entries of what has become one of these, at whatever distance, and of these themselves."""
    gone = set(ids)
    while more := {e.document_id for e in history if e.replaced_by in gone} - gone:
        gone |= more
    return [e for e in history if e.document_id in gone or e.replaced_by in gone]


def _own(memories: Memories, user_id: str, memory_id: str) -> Embedded | None:
    rows = memories.get([memory_id])
    return next((row for row in rows if row.memory.user_id == user_id), None)
