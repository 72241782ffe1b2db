"""What Qwen says about new facts beside known ones. Both are numbered, and it names them by number."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from tablestore_memory.worker.qwen.asked_for import asked_for
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.prompts import CONSOLIDATE_VERSION, load
from tablestore_memory.worker.qwen.structured import ask
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.stores.memories import Memory

_LONGEST_REASON = 500  # characters; the prompt asks for one short sentence


class Decision(msgspec.Struct, frozen=True):
    """For new fact number `fact`; `existing` are numbers of known ones, not checked yet."""

    fact: int
    action: Literal["add", "duplicate", "refine", "supersede", "noop"]
    existing: list[int] = []
    text: str | None = None
    reason: str = ""
    confidence: float = 1.0


class ConsolidationAnswer(msgspec.Struct, frozen=True):
    decisions: list[Decision]


@asked_for(purpose="decisions")
def ask_decisions(
    qwen: Qwen, new: Sequence[Memory], existing: Sequence[Memory]
) -> dict[int, Decision]:
    """Decisions by the number of the new fact; of two for one fact the first counts.

    A reason goes to the history: it has no secrets, and is short.
    Raises UnusableReply, ContentRefused, and whatever keeps the service away.
    """
    answer = ask(qwen, *decisions_prompt(new, existing), ConsolidationAnswer)
    return {decision.fact: _readable(decision) for decision in reversed(answer.decisions)}


def _readable(decision: Decision) -> Decision:
    return msgspec.structs.replace(decision, reason=masked(decision.reason[:_LONGEST_REASON]))


def decisions_prompt(new: Sequence[Memory], existing: Sequence[Memory]) -> tuple[str, str]:
    """Exactly what is sent: the instructions and the data."""
    data = {"new_facts": _numbered(new), "existing": _numbered(existing)}
    return load(CONSOLIDATE_VERSION), msgspec.json.encode(data).decode()


def _numbered(memories: Sequence[Memory]) -> list[dict[str, object]]:
    return [
        {
            "n": n,
            "text": masked(m.text),
            "at": f"{datetime.fromtimestamp(m.stated_at / 1e6, UTC):%Y-%m-%d}",
        }
        for n, m in enumerate(memories, 1)
    ]
