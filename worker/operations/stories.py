"""What became of a memory: each state with its time, what took its place and why, up to what holds now."""

from dataclasses import dataclass

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.history import DELETED, Replaced
from tablestore_memory.worker.stores.lineage import line, past
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
    end = memory_id if asked else line(memory_id, (e for e in history if e.replaced_by))[-1]
    now = asked or _memory(s, user_id, end)
    earlier = past([end, memory_id], history)
    return Story(asked, now, earlier) if now or earlier else None


def _memory(s: Services, user_id: str, memory_id: str) -> Memory | None:
    return next(iter(s.memories.theirs(user_id, [memory_id])), None)
