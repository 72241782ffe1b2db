"""What holds no longer and is found again in what was said before. Does no I/O."""

from collections.abc import Sequence

from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded
from tablestore_memory.worker.stores.memory import Memory, citations


def still_wanted(facts: Sequence[Embedded], replaced: Sequence[Replaced]) -> list[Embedded]:
    """The facts without those that were replaced, corrected or deleted after they were said; `replaced` is
    the history.

    What somebody corrected or deleted is known by its words, too. Of one sentence there may be several facts:
    where the very one that is over is found again, another of the same words is another fact.
    """
    told_apart = {
        words
        for fact in facts
        if any(entry.cited and entry.names(fact.memory) for entry in replaced)
        for words in _words(fact.memory)
    }

    def is_over(memory: Memory) -> bool:
        if any(entry.names(memory) for entry in replaced):
            return True
        same_words = any(entry.has_all_words_of(memory) for entry in replaced)
        return same_words and not _words(memory) <= told_apart

    return [fact for fact in facts if not is_over(fact.memory)]


def _words(memory: Memory) -> set[str]:
    return set(citations(memory.user_id, memory.sources))
