"""What consolidation decides on, and what is known while it decides."""

from collections.abc import Mapping
from dataclasses import dataclass

from tablestore_memory.worker.stores.memories import Embedded, Memory


@dataclass(frozen=True, slots=True)
class Change:
    """Write a memory, and move what it replaces to the history; `by_hand_at` (µs) if somebody said so."""

    written: Embedded
    replaces: tuple[Memory, ...] = ()
    reason: str = ""
    by_hand_at: int = 0


class Known:
    """A user's memories by document id, as they are after the changes that were made so far."""

    def __init__(self, known: Mapping[str, Embedded]) -> None:
        self.memories = dict(known)
        self.changes: list[Change] = []
        self._became: dict[str, str] = {}

    def same(self, memory: Memory) -> Embedded | None:
        """The memory of the same text, if there is one."""
        return self.memories.get(memory.document_id)

    def now(self, document_id: str) -> Embedded | None:
        """What a memory has become: itself, what it was merged into, or nothing if it holds no longer."""
        passed = set()
        while document_id not in self.memories and document_id not in passed:
            passed.add(document_id)
            document_id = self._became.get(document_id, document_id)
        return self.memories.get(document_id)

    def make(self, change: Change) -> None:
        for old in change.replaces:
            self.memories.pop(old.document_id, None)
        self.memories[change.written.memory.document_id] = change.written
        self.changes.append(change)

    def merged(self, *parts: Memory, into: Memory) -> None:
        """From now on these are that one."""
        for part in parts:
            if part.document_id != into.document_id:
                self._became[part.document_id] = into.document_id
