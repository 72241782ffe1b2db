"""What consolidation decides on, and what is known while it decides."""

from collections.abc import Collection, Mapping
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
    """A user's memories by document id, as they are after the changes that were made so far.

    Those that are to be decided on only now are no memories yet: they become some like new facts.
    """

    def __init__(self, known: Mapping[str, Embedded], undecided: Collection[str] = ()) -> None:
        self.memories = {each: known[each] for each in known if each not in undecided}
        self._stored = {each: known[each].memory for each in undecided if each in known}
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

    def is_stored(self, memory: Memory) -> bool:
        """Whether it has a row already, though it is decided on only now."""
        return memory.document_id in self._stored

    def make(self, change: Change) -> None:
        for old in change.replaces:
            self.memories.pop(old.document_id, None)
        written = change.written.memory
        self.memories[written.document_id] = change.written
        if change.replaces or written != self._stored.get(written.document_id):
            self.changes.append(change)

    def merged(self, *parts: Memory, into: Memory) -> None:
        """From now on these are that one."""
        for part in parts:
            if part.document_id != into.document_id:
                self._became[part.document_id] = into.document_id
