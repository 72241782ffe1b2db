"""New facts beside what is known: what is written, what is replaced, and why.

Qwen is asked only where a new fact has near neighbours that are not the very same text; its decisions
are checked by code, and where they do not hold, or it cannot answer, the fact is kept beside the others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

from worker.errors import ContentRefused, UnusableReply
from worker.extract.answers import ask
from worker.extract.prompts import CONSOLIDATE_VERSION, load
from worker.qwen import Qwen
from worker.stores.memories import Memory

_SURE = 0.6  # below this confidence both are kept
log = structlog.get_logger()


class _Decision(msgspec.Struct, frozen=True):
    fact: int
    action: Literal["add", "duplicate", "refine", "supersede", "noop"]
    existing: list[int] = []
    text: str | None = None
    reason: str = ""
    confidence: float = 1.0


class ConsolidationAnswer(msgspec.Struct, frozen=True):
    decisions: list[_Decision]


@dataclass(frozen=True, slots=True)
class Change:
    """Write `memory`, unless it is None, and move what it replaces to the history."""

    memory: Memory | None
    replaces: tuple[Memory, ...] = ()
    reason: str = ""


def consolidate(qwen: Qwen, new: Sequence[Memory], known: Mapping[str, Memory]) -> list[Change]:
    """The changes that the new facts make. Equal texts need no model: they have one document id."""
    unique = {memory.document_id: memory for memory in new}
    fresh = [memory for key, memory in unique.items() if key not in known]
    existing = list(known.values())
    if not fresh or not existing:
        return [Change(memory) for memory in fresh]
    decisions = _decide(qwen, fresh, existing)
    return [
        change
        for n, memory in enumerate(fresh, 1)
        if (change := _change(memory, decisions.get(n), existing))
    ]


def _decide(
    qwen: Qwen, fresh: Sequence[Memory], existing: Sequence[Memory]
) -> dict[int, _Decision]:
    """Decisions by new fact; of two for one fact the first counts. Empty when there is no answer."""
    data = {"new_facts": _numbered(fresh), "existing": _numbered(existing)}
    try:
        answer = ask(
            qwen, load(CONSOLIDATE_VERSION), msgspec.json.encode(data).decode(), ConsolidationAnswer
        )
    except (UnusableReply, ContentRefused) as error:
        log.warning("consolidation.kept_all", facts=len(fresh), reason=str(error))
        return {}
    return {decision.fact: decision for decision in reversed(answer.decisions)}


def _numbered(memories: Sequence[Memory]) -> list[dict[str, object]]:
    return [
        {
            "n": n,
            "text": m.text,
            "at": f"{datetime.fromtimestamp(m.valid_from / 1e6, UTC):%Y-%m-%d}",
        }
        for n, m in enumerate(memories, 1)
    ]


def _change(
    memory: Memory, decision: _Decision | None, existing: Sequence[Memory]
) -> Change | None:
    """What a decision means, if it holds; else the fact is added."""
    if decision is None or decision.confidence < _SURE:
        return Change(memory)
    named = [existing[n - 1] for n in decision.existing if 1 <= n <= len(existing)]
    match decision.action:
        case "noop":
            return None
        case "duplicate" if named:
            return None
        case "refine" if named and decision.text and _keeps_figures(decision.text, memory, named):
            merged = replace(
                memory,
                text=decision.text,
                sources=tuple(dict.fromkeys(s for m in (*named, memory) for s in m.sources)),
            ).identified()
            replaced = tuple(m for m in named if m.document_id != merged.document_id)
            return Change(merged, replaced, decision.reason)
        case "supersede" if named:
            return _supersede(memory, named, decision.reason)
    return Change(memory)


def _supersede(memory: Memory, named: Sequence[Memory], reason: str) -> Change:
    """Time decides, not the model: what was said later holds, in whatever order it arrives."""
    later = [m for m in named if m.valid_from > memory.valid_from]
    if later:
        return Change(later[0], (memory,), reason)
    return Change(memory, tuple(named), reason)


def _keeps_figures(text: str, memory: Memory, named: Sequence[Memory]) -> bool:
    """No number or date may be lost in a merge."""
    wanted = {figure for m in (memory, *named) for figure in re.findall(r"\d+", m.text)}
    return wanted <= set(re.findall(r"\d+", text))
