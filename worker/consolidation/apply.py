"""Changes become rows: history first, then the new memory, then the old one goes.

In this order a crash leaves a fact too many for a moment, never one too few; doing it again changes
nothing, as every row's key comes from what it says. What stems from something forgotten is not written,
and if it was forgotten while it was being written, it is taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tablestore as ots

from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.forgotten import forgotten
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.history import History
from tablestore_memory.worker.stores.memories import Embedded, Memories
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.write import write_all


@dataclass(frozen=True)
class Apply:
    """The collaborators of an application."""

    client: ots.OTSClient
    memories: Memories
    history: History
    unindexed: UnindexedMemories
    due: DueSessions
    tombstones: Tombstones

    def apply(
        self, user_id: str, changes: Sequence[Change], ensure_lease_held: Callable[[], None]
    ) -> None:
        """Write the changes of one user. Raises what kept a row from being written.

        `ensure_lease_held` raises Busy when the user's lease was lost; it is asked before each kind of write.
        """
        over = self._forgotten(changes)
        kept = [change for change in changes if change.written.memory.document_id not in over]
        try:
            self._write(user_id, kept, ensure_lease_held)
        finally:
            self.take_back(user_id, changes)

    def take_back(self, user_id: str, changes: Sequence[Change]) -> None:
        """Delete what is forgotten by now: a dead worker may have written it, or this one, stopped past its lease.

        What else has a part in it is remembered anew, from its sessions.
        """
        over = self._forgotten(changes)
        if not over:
            return
        written = [each.memory for each in _outcome(changes)[0] if each.memory.document_id in over]
        for session_id in {session for memory in written for session in self._still_known(memory)}:
            self.due.add(user_id, session_id, 0)
        memories = [
            self.memories.forgetting(user_id, memory.document_id, over[memory.document_id])
            for memory in written
        ]
        history = [
            self.history.undoing(
                old, change.written.memory, max(latest), by_hand_at=change.by_hand_at
            )
            for change in changes
            for old in change.replaces
            if (
                latest := [
                    over[m.document_id]
                    for m in (old, change.written.memory)
                    if m.document_id in over
                ]
            )
        ]
        for batch in (memories, unique(history)):
            write_all(self.client, batch)
        self.unindexed.forget(MemoryRef(user_id, memory.document_id) for memory in written)

    def _write(
        self, user_id: str, changes: Sequence[Change], ensure_lease_held: Callable[[], None]
    ) -> None:
        written, removed = _outcome(changes)
        self.unindexed.add(user_id, [each.memory.document_id for each in written])
        history = [
            self.history.row(
                old, change.written.memory, reason=change.reason, by_hand_at=change.by_hand_at
            )
            for change in changes
            for old in change.replaces
        ]
        rows = [self.memories.row(each.memory, each.vector or ()) for each in written]
        gone = [self.memories.deletion(user_id, key) for key in removed]
        for batch in (unique(history), rows, gone):
            if batch:
                ensure_lease_held()
                write_all(self.client, batch)
        self.unindexed.forget(MemoryRef(user_id, key) for key in removed)

    def _forgotten(self, changes: Sequence[Change]) -> dict[str, int]:
        every = [m for change in changes for m in (change.written.memory, *change.replaces)]
        return forgotten(self.tombstones, every)

    def _still_known(self, memory: Memory) -> set[str]:
        """The sessions of those of its sources that are not forgotten."""
        user_id = memory.user_id
        upto = self.tombstones.upto({(user_id, source.session_id) for source in memory.sources})
        return {
            source.session_id
            for source in memory.sources
            if source.received_ms > upto.get((user_id, source.session_id), -1)
        }


def _outcome(changes: Sequence[Change]) -> tuple[list[Embedded], list[str]]:
    """What is there and what is gone after all changes: one may undo another."""
    outcome: dict[str, Embedded | None] = {}
    for change in changes:
        outcome |= dict.fromkeys((old.document_id for old in change.replaces), None)
        outcome[change.written.memory.document_id] = change.written
    written = [each for each in outcome.values() if each]
    return written, [key for key, each in outcome.items() if not each]


def unique(rows: Sequence[RowWrite]) -> list[RowWrite]:
    """A batch may hold a key once."""
    return list({row.key: row for row in rows}.values())
