"""A memory that became a part of another while it was to be deleted: the other goes, and what else it says is
extracted anew.

Whoever asked saw the memory as it was before: that its text stands on in another is not what was asked for,
nor that the rest of that one is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tablestore_memory.worker.consolidation.apply import Apply
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.lineage import line, past
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.memory import citations
from tablestore_memory.worker.stores.write import write_all

# From seeing a memory to asking, and what the clocks of Redis and Tablestore may differ by.
_SEEN_MS = 60_000


@dataclass(frozen=True)
class Merged:
    """`part`: what is to be deleted, without its text. `whole`: what has it in it; None if that is gone already.

    Of the history, `own` entries tell of the part, or of a text that has it in it, `others` of what else became
    a part of the whole.
    """

    part: Memory
    whole: Memory | None
    own: Sequence[Replaced]
    others: Sequence[Replaced]

    def undo(self, step: Apply, received_ms: int, ensure_lease_held: Callable[[], None]) -> None:
        """Delete the whole, and let what else was said be found again. Done twice, it is done once."""
        if self.whole is None:
            return
        user_id, whole_id = self.whole.user_id, self.whole.document_id
        for session_id in self.whole.sessions:
            step.due.add(user_id, session_id, 0)
        others = [step.history.deletion(user_id, entry, received_ms) for entry in self.others]
        for batch in (others, [step.memories.forgetting(user_id, whole_id, received_ms)]):
            ensure_lease_held()
            write_all(step.client, batch)
        step.unindexed.forget([MemoryRef(user_id, whole_id)])


def merged_lately(step: Apply, user_id: str, memory_id: str, asked_ms: int) -> Merged | None:
    """What a memory became a part of, since it was seen by who asked for its deletion; None if it did not."""
    entries = step.history.of_user(user_id)
    by_hand = line(memory_id, [entry for entry in entries if entry.by_hand])
    since = [e for e in entries if e.text and (e.by_hand or e.written_ms > asked_ms - _SEEN_MS)]
    later = line(by_hand[-1], since)[1:]
    if not later:
        return None
    part = next(_as_memory(user_id, e) for e in reversed(since) if e.document_id == by_hand[-1])
    rows = step.memories.without_vectors(later[-1:])
    whole = next((row for row in rows if row.user_id == user_id), None)
    if whole and _words(part).isdisjoint(_words(whole)):
        return None  # it was replaced: nothing of it is told any more
    before = past(by_hand, entries)
    own = [entry for entry in entries if entry in before or entry.document_id in later]
    others = [entry for entry in entries if entry.replaced_by in later and entry not in own]
    return Merged(part, whole, own, others)


def _as_memory(user_id: str, entry: Replaced) -> Memory:
    return Memory(
        user_id,
        "",
        document_id=entry.document_id,
        sources=entry.sources,
        stated_at=entry.replaced_at,
        received_ms=entry.received_ms,
    )


def _words(memory: Memory) -> set[str]:
    return set(citations(memory.user_id, memory.sources))
