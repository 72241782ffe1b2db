"""What is asked about new facts: those that may have to do with others, and these, numbered through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tablestore_memory.worker.consolidation.changes import Known
from tablestore_memory.worker.consolidation.decisions import Decision
from tablestore_memory.worker.consolidation.related import Pair
from tablestore_memory.worker.stores.memories import Embedded, Memory

_MOST_EXISTING = 25  # known memories shown with one question


@dataclass(frozen=True)
class Question:
    """`existing` have the first numbers, `new` the next; `places` says where among the facts those stand."""

    existing: list[Memory]
    new: list[Memory]
    places: list[int]

    @classmethod
    def about(cls, facts: Sequence[Embedded], state: Known, pairs: Sequence[Pair]) -> "Question":
        """All pairs that may have to do with each other, the likeliest first; not all where there are too many."""
        known = list(state.memories.values())
        shown: set[int] = set()
        places: set[int] = set()
        for pair in pairs:
            if state.same(facts[pair.new].memory):
                continue
            if pair.other >= len(known):
                places |= {pair.new, pair.other - len(known)}
            elif pair.other in shown or len(shown) < _MOST_EXISTING:
                places.add(pair.new)
                shown.add(pair.other)
        existing = sorted(
            (known[n].memory for n in shown), key=lambda m: (m.stated_at, m.document_id)
        )
        return cls(existing, [facts[n].memory for n in sorted(places)], sorted(places))

    def numbered(self, facts: Sequence[Embedded]) -> Iterator[tuple[int, Embedded]]:
        """The facts with their numbers; 0 for one that is not asked about."""
        numbers = {place: n for n, place in enumerate(self.places, len(self.existing) + 1)}
        return ((numbers.get(place, 0), fact) for place, fact in enumerate(facts))

    def named(self, decision: Decision, state: Known) -> list[Embedded]:
        """What a decision names, as it is by now; a fact has to do with what was said before it."""
        numbered = [*self.existing, *self.new]
        ids = [numbered[n - 1].document_id for n in decision.of if 1 <= n < decision.n]
        found = [memory for document_id in ids if (memory := state.now(document_id))]
        return list({each.memory.document_id: each for each in found}.values())
