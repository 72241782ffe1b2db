"""What Qwen says about new facts beside known ones. All are numbered through, and it names them by number."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tablestore_memory.worker.consolidation.dates import dated
from tablestore_memory.worker.consolidation.tells import Told
from tablestore_memory.worker.qwen.asked_for import asked_for
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.prompts import CONSOLIDATE_VERSION, load
from tablestore_memory.worker.qwen.structured import ask
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.stores.memories import Memory

Action = Literal["add", "duplicate", "refine", "supersede"]
_LONGEST_REASON = 500  # characters; the prompt asks for eight words


class Decision(
    msgspec.Struct, frozen=True, rename={"action": "do", "text": "t", "confidence": "c"}
):
    """For fact number `n`; `of` are numbers of others, not checked yet."""

    n: int
    action: Action = "add"
    of: list[int] = []
    text: str | None = None
    why: str = ""
    confidence: float = 1.0


class ConsolidationAnswer(msgspec.Struct, frozen=True):
    """The whole, which must have this shape; its decisions are read one by one."""

    decisions: list[Any]


@asked_for(purpose="decisions")
def ask_decisions(
    qwen: Qwen, existing: Sequence[Memory], new: Sequence[Memory]
) -> dict[int, Decision]:
    """Decisions by the number of the new fact, existing ones being numbered first; the rest is added.

    Of two for one fact the first counts; what cannot be read counts for nothing. A reason goes to the history:
    it has no secrets, and is short. Raises UnusableReply, ContentRefused, and whatever keeps the service away.
    """
    answer = ask(qwen, *decisions_prompt(existing, new), ConsolidationAnswer)
    decisions: dict[int, Decision] = {}
    for decision in _read(answer.decisions):
        decisions.setdefault(decision.n, decision)
    return decisions


def _read(given: Sequence[Any]) -> Iterator[Decision]:
    for each in given:
        if isinstance(each, dict):
            stated = {name: value for name, value in each.items() if value is not None}
            if isinstance(each.get("of"), int | str):
                stated["of"] = [each["of"]]
            try:
                yield _readable(msgspec.convert(stated, Decision, strict=False))
            except msgspec.ValidationError:
                continue


def _readable(decision: Decision) -> Decision:
    return msgspec.structs.replace(decision, why=masked(decision.why[:_LONGEST_REASON]))


def decisions_prompt(existing: Sequence[Memory], new: Sequence[Memory]) -> tuple[str, str]:
    """Exactly what is sent: the instructions and the data."""
    data = {
        "existing": list(_listed(existing, first=1, below="%Y-%m")),
        "new_facts": list(_listed(new, first=len(existing) + 1, below="%Y-%m-%d")),
    }
    return load(CONSOLIDATE_VERSION), msgspec.json.encode(data).decode()


def _listed(memories: Sequence[Memory], first: int, below: str) -> Iterator[str | list[int | str]]:
    """What a decision needs of each, numbered, below when it was said. Whom it is about stands before a text that
    does not name them."""
    when = None
    for number, memory in enumerate(memories, first):
        said = datetime.fromtimestamp(memory.stated_at / 1e6, UTC).strftime(below)
        if said != when:
            when = said
            yield said
        text = dated(masked(memory.text), (memory.event_start, memory.event_end))
        told = Told(memory)
        about = [] if told.speaks_of(told) else [masked(told.whom)]
        yield [number, memory.kind, *about, text]
