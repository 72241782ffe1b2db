"""What became of a memory: each state with its time, what took its place and why, up to what holds now."""

from dataclasses import dataclass

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.history import DELETED, Replaced
from tablestore_memory.worker.stores.lineage import past
from tablestore_memory.worker.stores.memory import Memory


@dataclass(frozen=True, slots=True)
class Story:
    """`asked` is the memory of this id as long as it holds; `earlier` is what it was, and what else led to what
    holds `now`, oldest first. Of what was deleted by hand there is no text and no `now`."""

    asked: Memory | None
    now: Memory | None
    earlier: list[Replaced]

    @property
    def deleted(self) -> bool:
        return self.now is None and bool(self.earlier) and self.earlier[-1].reason == DELETED


def story(s: Services, user_id: str, memory_id: str) -> Story | None:
    """Of a memory of the user that is or was; None if there never was one."""
    asked = _memory(s, user_id, memory_id)
    history = s.history.of_user(user_id)
    end = memory_id if asked else _end(memory_id, history)
    now = asked or _memory(s, user_id, end)
    earlier = past([end, memory_id], history)
    return Story(asked, now, earlier) if now or earlier else None


def _end(memory_id: str, history: list[Replaced]) -> str:
    """What it has become at last, as far as the history leads."""
    became = {entry.document_id: entry.replaced_by for entry in history if entry.replaced_by}
    while following := became.pop(memory_id, ""):
        memory_id = following
    return memory_id


def _memory(s: Services, user_id: str, memory_id: str) -> Memory | None:
    rows = s.memories.without_vectors([memory_id])
    return next((row for row in rows if row.user_id == user_id), None)
