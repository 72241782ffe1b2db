"""New facts beside what is known: what is written, what is replaced, and why.

In the order of time, so that what was said, changed and changed back within one conversation ends as it
was said last. Qwen is asked once about all of them, and only where one may have to do with another that is
not the very same text; what is not urgent may wait for the user's next facts, and is asked with these. Its
decisions are checked by code, and where they do not hold, or it cannot answer, both facts are kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from tablestore_memory.worker.consolidation.changes import Change, Known
from tablestore_memory.worker.consolidation.decisions import Decision, ask_decisions
from tablestore_memory.worker.consolidation.merge import (
    ended_in_part,
    fulfilled,
    refined,
    restated,
)
from tablestore_memory.worker.consolidation.over import still_wanted
from tablestore_memory.worker.consolidation.question import Question
from tablestore_memory.worker.consolidation.related import Relatedness
from tablestore_memory.worker.failures.errors import ContentRefused, Final, UnusableReply
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory

log = structlog.get_logger()


class Decided(NamedTuple):
    """The changes, in the order in which they are to be made, and the ids of what is to be decided later."""

    changes: list[Change]
    undecided: list[str]


@dataclass(frozen=True)
class Consolidation:
    """Decides with one model; below a confidence of `sure` both facts are kept.

    A pair is `urgent` that has to do with each other by so much more than is needed to be asked about.
    """

    qwen: Qwen
    relatedness: Relatedness = field(default_factory=Relatedness)
    sure: float = 0.6
    urgent: float = 0.6
    facts_a_question: int = 40

    def decided(
        self,
        new: Iterable[Embedded],
        known: Mapping[str, Embedded],
        replaced: Sequence[Replaced] = (),
        *,
        undecided: Collection[str] = (),
        may_wait: bool = False,
    ) -> Decided:
        """What becomes of new facts, and of the known memories that are `undecided`.

        A fact that was replaced, corrected or deleted after it was said is not written again: `replaced` is
        the history. With `may_wait` nothing is asked that is not urgent.
        """
        # What has its row comes before the same said again.
        wanted = [known[document_id] for document_id in undecided if document_id in known]
        wanted += still_wanted(list(new), replaced)
        wanted.sort(key=lambda fact: (fact.memory.stated_at, fact.memory.document_id))
        state, left = Known(known, undecided), list[str]()
        for start in range(0, len(wanted), self.facts_a_question):
            left += self._decide(wanted[start : start + self.facts_a_question], state, may_wait)
        return Decided(state.changes, left)

    def _decide(self, facts: Sequence[Embedded], state: Known, may_wait: bool) -> list[str]:
        """Equal texts need no model, they have one document id; nor does what has to do with nothing.

        Returns what is to be decided later.
        """
        pairs = self.relatedness.related(facts, list(state.memories.values()))
        waits = may_wait and bool(pairs) and pairs[0].margin < self.urgent
        question = Question.about(facts, state, [] if waits else pairs)
        decisions = self._ask(question.existing, question.new)
        for number, fact in question.numbered(facts):
            if same := state.same(fact.memory):
                _restate(same, fact.memory, state)
            else:
                decision = decisions.get(number, Decision(number))
                self._make(fact, decision, question.named(decision, state), state)
        return list({facts[pair.new].memory.document_id for pair in pairs}) if waits else []

    def _ask(self, existing: Sequence[Memory], new: Sequence[Memory]) -> dict[int, Decision]:
        """Decisions by number. Where an answer is of no use, halves are asked; a lone fact is added."""
        if not new:
            return {}
        try:
            return ask_decisions(self.qwen, existing, new)
        except UnusableReply as error:
            if len(new) > 1:
                return self._ask_halves(existing, new)
            reason = str(error)
        except ContentRefused as error:
            reason = str(error)
        log.warning("consolidation.kept_all", facts=len(new), reason=reason)
        return {}

    def _ask_halves(self, existing: Sequence[Memory], new: Sequence[Memory]) -> dict[int, Decision]:
        """The second beside what is known and the first."""
        middle = len(new) // 2
        first, second = new[:middle], new[middle:]
        return self._ask(existing, first) | self._ask([*existing, *first], second)

    def _make(
        self, fact: Embedded, decision: Decision, named: Sequence[Embedded], state: Known
    ) -> None:
        """What a decision means, if it holds; else the fact is added."""
        memories = [each.memory for each in named]
        said_at = fact.memory.stated_at
        corrected = [each for each in named if each.memory.is_corrected_since(said_at)]
        match decision.action if decision.confidence >= self.sure else "add":
            case "duplicate" | "refine" if corrected:
                _restate(corrected[0], fact.memory, state)
            case "duplicate" if named:
                _restate(named[0], fact.memory, state)
            case "refine" if named and (memory := refined(fact.memory, memories, decision.text)):
                if not self._merge(fact, named, memory, decision.why, state):
                    state.make(Change(fact))
            case "supersede" if named:
                self._supersede(fact, named, decision, state)
            case _:
                state.make(Change(fact))

    def _supersede(
        self, fact: Embedded, named: Sequence[Embedded], decision: Decision, state: Known
    ) -> None:
        """Time decides, not the model: what was said later holds, in whatever order it arrives."""
        said_at = fact.memory.stated_at
        later = [each for each in named if each.memory.stated_at > said_at]
        self._end(fact, [each for each in named if each not in later], decision, state)
        if later and (ended := state.now(fact.memory.document_id)):
            first = min(later, key=lambda each: each.memory.stated_at)
            state.make(_in_place(first, [ended.memory], decision.why))

    def _end(
        self, fact: Embedded, older: Sequence[Embedded], decision: Decision, state: Known
    ) -> None:
        """The fact takes the place of what was said before it, with what still holds of that."""
        memories = [each.memory for each in older]
        memory = ended_in_part(fact.memory, memories, decision.text) if older else None
        if memory and self._merge(fact, older, memory, decision.why, state):
            return
        state.make(_in_place(fact, memories, decision.why))

    def _merge(
        self, fact: Embedded, named: Sequence[Embedded], memory: Memory, why: str, state: Known
    ) -> bool:
        """Write one memory for all of these; False if its text gets no vector."""
        vectors = {each.memory.document_id: each.vector for each in (*named, fact)}
        try:
            vector = vectors.get(memory.document_id) or self.qwen.embed([memory.text])[0]
        except Final as error:
            log.warning("consolidation.kept_all", facts=1, reason=str(error))
            return False
        parts = [each.memory for each in named]
        if state.is_stored(fact.memory):
            parts.append(fact.memory)
        gone = (part for part in parts if part.document_id != memory.document_id)
        state.make(Change(Embedded(memory, vector), tuple(gone), why))
        state.merged(fact.memory, *parts, into=memory)
        return True


def _restate(same: Embedded, memory: Memory, state: Known) -> None:
    """What is known was said again: it gains a source, unless it has it."""
    again = restated(same.memory, memory)
    double = state.is_stored(memory) and memory.document_id != again.document_id
    if again != same.memory or double:
        state.make(Change(Embedded(again, same.vector), (memory,) if double else (), "duplicate"))
    state.merged(memory, into=again)


def _in_place(fact: Embedded, older: Sequence[Memory], why: str) -> Change:
    """An event is written beside the plans that it came of: what was said of these is a source of it, too."""
    memory = fact.memory
    for plan in older:
        if memory.kind == "event" and plan.kind == "plan":
            memory = fulfilled(memory, plan)
    return Change(Embedded(memory, fact.vector), tuple(older), why)
