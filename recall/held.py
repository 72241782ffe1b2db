"""What held at a time: what holds now and did then, and what did then and was replaced since. Does no I/O.

What was replaced stands in no search index. It ranks where what took its place does, and by the words it shares
with the query. Of one session all of it counts: what took its place may be of another, which was not searched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tablestore_memory.recall.ranking import Listed, listed
from tablestore_memory.recall.words import by_shared_words, words_first
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memory import Memory

HISTORY = "memories.history"


@dataclass(frozen=True, slots=True)
class Held:
    """Memories by part, and until when (µs) those held that do not any more, by document id."""

    ranked: Mapping[str, Sequence[Listed[Memory]]]
    ends: Mapping[str, int]


def holding(ranked: Mapping[str, Sequence[Listed[Memory]]]) -> Held:
    """What holds now."""
    return Held(ranked, {})


def held_at(
    moment: int,
    ranked: Mapping[str, Sequence[Listed[Memory]]],
    history: Sequence[Replaced],
    user_id: str,
    query: str,
    *,
    of_session: bool = False,
) -> Held:
    """What held then, in the place of what holds now."""
    before: dict[str, list[Replaced]] = {}
    for entry in history:
        before.setdefault(entry.replaced_by, []).append(entry)
    # What was corrected or deleted by hand never held.
    true = (entry for entry in history if entry.text and not entry.by_hand)
    then = [entry for entry in true if entry.valid_from <= moment < entry.replaced_at]
    was = {entry.document_id: _memory(entry, user_id) for entry in then}
    lists = {
        name: [
            replace(entry, item=memory)
            for entry in entries
            for memory in _then(entry.item, moment, before, was)
        ]
        for name, entries in ranked.items()
    }
    by_words = words_first if of_session else by_shared_words
    lists[HISTORY] = listed(by_words(query, list(was.values()), lambda memory: memory.text))
    return Held(lists, {entry.document_id: entry.replaced_at for entry in then})


def _then(
    memory: Memory,
    moment: int,
    before: Mapping[str, Sequence[Replaced]],
    was: Mapping[str, Memory],
) -> Iterator[Memory]:
    """The memory if it held then, else those that stood in its place."""
    if memory.valid_from <= moment:
        yield memory
        return
    seen, chain = {memory.document_id}, list(before.get(memory.document_id, ()))
    while chain:
        entry = chain.pop()
        if entry.document_id in seen:
            continue
        seen.add(entry.document_id)
        if entry.document_id in was:
            yield was[entry.document_id]
        chain += before.get(entry.document_id, ())


def _memory(entry: Replaced, user_id: str) -> Memory:
    return Memory(
        user_id=user_id,
        text=entry.text,
        session_id=entry.session_id,
        kind=entry.kind,
        valid_from=entry.valid_from,
        stated_at=entry.valid_from,
        sources=entry.sources,
        document_id=entry.document_id,
        received_ms=entry.received_ms,
    )
