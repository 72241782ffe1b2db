"""One memory corrected or deleted by hand, under the user's lease, done once however often it is tried.

What was corrected goes to the history as what never held. Of what was deleted only hashes stay, so that it is
known when the same is extracted again (docs/decisions/by-hand.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from tablestore_memory.protocol.events import DeleteMemory, EditMemory
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.merge import joined
from tablestore_memory.worker.consolidation.remember import Remembering, UserLease
from tablestore_memory.worker.failures.errors import NoRow, NotOwner
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory
from tablestore_memory.worker.stores.write import write_all

CORRECTED = "corrected by hand"
log = structlog.get_logger()


@dataclass(frozen=True)
class ByHand:
    """What somebody says of one memory of a user. Raises Busy as `Remembering.remember` does."""

    step: Remembering

    def edit(self, event: EditMemory) -> None:
        """Raises NoRow if the user has no such memory, NotOwner if it is a message that an app keeps whole."""
        with self.step.user_lease(event.user_id) as held:
            if self.step.journal.was_applied(event.user_id, event.event_id):
                return
            old = self._now(event.user_id, event.memory_id)
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
        with self.step.user_lease(user_id) as held:
            if self.step.journal.was_applied(user_id, event.event_id):
                return
            history = self.step.application.history.of_user(user_id)
            found = self._now(user_id, event.memory_id, history)
            ids = {event.memory_id} | ({found.memory.document_id} if found else set())
            past = _past(ids, history)
            self._empty(held, event, found, past)
            if found:
                self._remove(held, found.memory, received_ms)
            held.made(event.event_id)
        log.info(
            "memory.deleted",
            document_id=event.memory_id,
            memories=int(found is not None),
            history=len(past),
        )

    def _change(self, old: Embedded, event: EditMemory) -> Change:
        memory = edited(old.memory, event)
        vector = old.vector
        if memory.text != old.memory.text:
            (vector,) = self.step.qwen.embed([memory.text])
        if memory.document_id != old.memory.document_id:
            same = self._own(event.user_id, memory.document_id)
            memory = joined(memory, [same.memory], memory.text) if same else memory
        return Change(Embedded(memory, vector), (old.memory,), CORRECTED, memory.edited_at)

    def _empty(
        self,
        held: UserLease,
        event: DeleteMemory,
        found: Embedded | None,
        past: Sequence[Replaced],
    ) -> None:
        """No text is left in the history; done first, so that nothing brings the memory back meanwhile."""
        history = self.step.application.history
        rows = [history.emptied(event.user_id, entry) for entry in past]
        if found:
            rows.append(history.tombstone(found.memory, _at(event, found.memory)))
        held.ensure_lease_held()
        write_all(self.step.application.client, rows)

    def _remove(self, held: UserLease, memory: Memory, received_ms: int) -> None:
        application = self.step.application
        row = application.memories.forgetting(memory.user_id, memory.document_id, received_ms)
        held.ensure_lease_held()
        write_all(application.client, [row])
        application.unindexed.forget([MemoryRef(memory.user_id, memory.document_id)])

    def _now(
        self, user_id: str, memory_id: str, history: Sequence[Replaced] | None = None
    ) -> Embedded | None:
        """The memory with this id, or what it was made by hand since: an edit gives it another id."""
        if found := self._own(user_id, memory_id):
            return found
        if history is None:
            history = self.step.application.history.of_user(user_id)
        became = {each.document_id: each.replaced_by for each in history if each.by_hand}
        while next_id := became.pop(memory_id, ""):
            if found := self._own(user_id, next_id):
                return found
            memory_id = next_id
        return None

    def _own(self, user_id: str, memory_id: str) -> Embedded | None:
        rows = self.step.application.memories.get([memory_id])
        return next((row for row in rows if row.memory.user_id == user_id), None)


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


def _past(ids: Iterable[str], history: Sequence[Replaced]) -> list[Replaced]:
    """The entries of memories that have become one of these, at whatever distance, and of these themselves."""
    gone = set(ids)
    while more := {e.document_id for e in history if e.replaced_by in gone} - gone:
        gone |= more
    return [e for e in history if e.document_id in gone or e.replaced_by in gone]
