"""One memory corrected or deleted by hand, under the user's lease, done once however often it is tried.

What was corrected goes to the history as what never held. Of what was deleted only hashes stay, so that it is
known when the same is extracted again (docs/decisions/by-hand.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from tablestore_memory.protocol.events import DeleteMemory, EditMemory
from tablestore_memory.worker.consolidation.apply import unique
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.merge import together
from tablestore_memory.worker.consolidation.remember import Remembering, UserLease
from tablestore_memory.worker.consolidation.unmerge import merged_lately
from tablestore_memory.worker.failures.errors import NoRow, NotOwner
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.lineage import current, past
from tablestore_memory.worker.stores.memories import Embedded, Memory
from tablestore_memory.worker.stores.write import write_all

CORRECTED = "corrected by hand"
log = structlog.get_logger()


@dataclass(frozen=True)
class ByHand:
    """What somebody says of one memory of a user. Raises Busy as `Remembering.remember` does."""

    remembering: Remembering

    def edit(self, event: EditMemory) -> None:
        """Raises NoRow if the user has no such memory, NotOwner if it is a message that an app keeps whole."""
        with self.remembering.user_lease(event.user_id) as held:
            if self.remembering.journal.was_applied(event.user_id, event.event_id):
                return
            old = self._current(event.user_id, event.memory_id)
            if old is None:
                raise NoRow("no memory of this user has this id")
            if old.memory.kind == DOCUMENT:
                raise NotOwner("an app keeps this as a whole message: it has to change it")
            change = self._change(old, event)
            held.make(event.event_id, [change])
        log.info("memory.edited", document_id=change.written.memory.document_id)

    def delete(self, event: DeleteMemory, received_ms: int) -> None:
        """Delete the memory, and empty the history of what it was before. One that is gone stays gone."""
        user_id = event.user_id
        with self.remembering.user_lease(user_id) as held:
            if self.remembering.journal.was_applied(user_id, event.event_id):
                return
            memory, before = self._to_delete(held, event, received_ms)
            self._empty(held, event, memory, before)
            if memory:
                self._remove(held, memory, received_ms)
            held.made(event.event_id)
        log.info(
            "memory.deleted",
            document_id=event.memory_id,
            memories=int(memory is not None),
            history=len(before),
        )

    def _to_delete(
        self, held: UserLease, event: DeleteMemory, received_ms: int
    ) -> tuple[Memory | None, Sequence[Replaced]]:
        """The memory, and what of the history tells what it was before."""
        step, user_id = self.remembering.application, event.user_id
        if found := self._current(user_id, event.memory_id):
            ids = {event.memory_id, found.memory.document_id}
            return found.memory, past(ids, step.history.of_user(user_id))
        if merged := merged_lately(step, user_id, event.memory_id, received_ms):
            merged.undo(step, received_ms, held.ensure_lease_held)
            return merged.part, merged.own
        return None, past([event.memory_id], step.history.of_user(user_id))

    def _change(self, old: Embedded, event: EditMemory) -> Change:
        memory = edited(old.memory, event)
        vector = old.vector
        if memory.text != old.memory.text:
            (vector,) = self.remembering.qwen.embed([memory.text])
        if memory.document_id != old.memory.document_id:
            same = self.remembering.application.memories.without_vectors([memory.document_id])
            memory = edited(together([*same, old.memory], old.memory), event)
        return Change(Embedded(memory, vector), (old.memory,), CORRECTED, memory.edited_at)

    def _empty(
        self,
        held: UserLease,
        event: DeleteMemory,
        memory: Memory | None,
        before: Sequence[Replaced],
    ) -> None:
        """No text is left in the history; done first, so that nothing brings the memory back meanwhile."""
        history = self.remembering.application.history
        rows = [history.emptied(event.user_id, entry) for entry in before]
        if memory:
            rows.append(history.tombstone(memory, _at(event, memory)))
        held.ensure_lease_held()
        write_all(self.remembering.application.client, unique(rows))

    def _remove(self, held: UserLease, memory: Memory, received_ms: int) -> None:
        application = self.remembering.application
        row = application.memories.forgetting(memory.user_id, memory.document_id, received_ms)
        held.ensure_lease_held()
        write_all(application.client, [row])
        application.unindexed.forget([MemoryRef(memory.user_id, memory.document_id)])

    def _current(self, user_id: str, memory_id: str) -> Embedded | None:
        application = self.remembering.application
        return current(application.memories, application.history, user_id, memory_id)


def edited(old: Memory, event: EditMemory) -> Memory:
    """The memory as it is after the edit, with the sources it had: since then nothing said before changes it."""
    at = _at(event, old)
    return replace(
        old,
        text=event.text or old.text,
        kind=event.kind or old.kind,
        stated_at=at,
        edited_at=at,
        event_start=_day(event.event_start, old.event_start),
        event_end=_day(event.event_end, old.event_end),
    ).identified()


def _day(day: str | None, before: str | None) -> str | None:
    return before if day is None else day or None


def _at(event: EditMemory | DeleteMemory, memory: Memory) -> int:
    """When it was corrected or deleted: not before it was said, by whosever clock."""
    return max(event.created_at, memory.stated_at)
