"""New facts beside what is known: what is written, what is replaced, and why.

In the order of time, so that what was said, changed and changed back within one conversation ends as it
was said last. Qwen is asked only where a new fact has near neighbours that are not the very same text;
its decisions are checked by code, and where they do not hold, or it cannot answer, both facts are kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.consolidation.decisions import Decision, ask_decisions
from tablestore_memory.worker.consolidation.merge import joined, merged_text_holds, restated
from tablestore_memory.worker.consolidation.similarity import near, nearest
from tablestore_memory.worker.failures.errors import ContentRefused, Final, UnusableReply
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory

_SURE = 0.6  # below this confidence both are kept
_ADD = Decision(fact=0, action="add")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """Write a memory, and move what it replaces to the history."""

    written: Embedded
    replaces: tuple[Memory, ...] = ()
    reason: str = ""


def consolidate(
    qwen: Qwen,
    new: Iterable[Embedded],
    known: Mapping[str, Embedded],
    replaced: Sequence[Replaced] = (),
) -> list[Change]:
    """The changes that new facts make, in the order in which they are to be made.

    A fact that was replaced after it was said is not written again: `replaced` is the history.
    """
    by_time = sorted(new, key=lambda fact: (fact.memory.stated_at, fact.memory.document_id))
    state = dict(known)
    changes: list[Change] = []
    for wave in _waves([fact for fact in by_time if not _is_over(fact.memory, replaced)]):
        for change in _decided(qwen, wave, state):
            _note(change, state)
            changes.append(change)
    return changes


def _is_over(memory: Memory, replaced: Sequence[Replaced]) -> bool:
    return any(
        entry.document_id == memory.document_id and entry.replaced_at >= memory.stated_at
        for entry in replaced
    )


def _waves(facts: Sequence[Embedded]) -> Iterator[list[Embedded]]:
    """Groups, in order, whose facts have nothing to do with each other: each meets what was before it."""
    depth: list[int] = []
    for n, fact in enumerate(facts):
        before = [depth[m] + 1 for m in range(n) if near(facts[m], fact)]
        depth.append(max(before, default=0))
    for level in range(max(depth, default=-1) + 1):
        yield [fact for fact, d in zip(facts, depth, strict=True) if d == level]


def _note(change: Change, state: dict[str, Embedded]) -> None:
    for old in change.replaces:
        state.pop(old.document_id, None)
    state[change.written.memory.document_id] = change.written


def _decided(
    qwen: Qwen, wave: Sequence[Embedded], state: Mapping[str, Embedded]
) -> Iterator[Change]:
    """Equal texts need no model, they have one document id; nor does what has no neighbours.

    `state` has each change before the next one is made.
    """
    asked: list[Embedded] = []
    existing: dict[str, Memory] = {}
    for fact in wave:
        if same := state.get(fact.memory.document_id):
            yield from _restated(same, fact.memory)
        elif found := nearest(fact, state.values()):
            asked.append(fact)
            existing |= {each.memory.document_id: each.memory for each in found}
        else:
            yield Change(fact)
    shown = list(existing.values())
    decisions = _ask(qwen, [fact.memory for fact in asked], shown)
    for n, fact in enumerate(asked, 1):
        decision = decisions.get(n, _ADD)
        ids = [shown[i - 1].document_id for i in decision.existing if 1 <= i <= len(shown)]
        named = [state[document_id] for document_id in ids if document_id in state]
        yield from _changes(qwen, fact, decision, named)


def _ask(qwen: Qwen, new: Sequence[Memory], existing: Sequence[Memory]) -> dict[int, Decision]:
    """Decisions by number. Where an answer is of no use, halves are asked; a lone fact is added."""
    if not new:
        return {}
    try:
        return ask_decisions(qwen, new, existing)
    except UnusableReply as error:
        if len(new) > 1:
            middle = len(new) // 2
            second = _ask(qwen, new[middle:], existing)
            return _ask(qwen, new[:middle], existing) | {n + middle: d for n, d in second.items()}
        reason = str(error)
    except ContentRefused as error:
        reason = str(error)
    log.warning("consolidation.kept_all", facts=len(new), reason=reason)
    return {}


def _changes(
    qwen: Qwen, fact: Embedded, decision: Decision, named: Sequence[Embedded]
) -> Iterator[Change]:
    """What a decision means, if it holds; else the fact is added."""
    match decision.action if decision.confidence >= _SURE else "add":
        case "noop":
            return
        case "duplicate" if named:
            yield from _restated(named[0], fact.memory)
        case "refine" if named and merged_text_holds(decision.text, fact.memory, named):
            yield _refined_or_added(qwen, fact, named, decision)
        case "supersede" if named:
            yield from _superseded(fact, named, decision.reason)
        case _:
            yield Change(fact)


def _restated(same: Embedded, memory: Memory) -> Iterator[Change]:
    """What is known was said again: it gains a source, unless it has it."""
    again = restated(same.memory, memory)
    if again != same.memory:
        yield Change(Embedded(again, same.vector))


def _refined_or_added(
    qwen: Qwen, fact: Embedded, named: Sequence[Embedded], decision: Decision
) -> Change:
    """A merged text that gets no vector is not kept: the fact stands beside what is known."""
    try:
        return _refined(qwen, fact, named, decision)
    except Final as error:
        log.warning("consolidation.kept_all", facts=1, reason=str(error))
        return Change(fact)


def _refined(qwen: Qwen, fact: Embedded, named: Sequence[Embedded], decision: Decision) -> Change:
    memory = joined(fact.memory, [known.memory for known in named], str(decision.text))
    vectors = {each.memory.document_id: each.vector for each in (*named, fact)}
    vector = vectors.get(memory.document_id) or qwen.embed([memory.text])[0]
    gone = (k.memory for k in named if k.memory.document_id != memory.document_id)
    return Change(Embedded(memory, vector), tuple(gone), decision.reason)


def _superseded(fact: Embedded, named: Sequence[Embedded], reason: str) -> Iterator[Change]:
    """Time decides, not the model: what was said later holds, in whatever order it arrives."""
    older = [k.memory for k in named if k.memory.stated_at <= fact.memory.stated_at]
    later = [k for k in named if k.memory.stated_at > fact.memory.stated_at]
    yield Change(fact, tuple(older), reason)
    if later:
        first = min(later, key=lambda known: known.memory.stated_at)
        yield Change(first, (fact.memory,), reason)
