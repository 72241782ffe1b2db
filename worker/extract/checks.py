"""What Qwen calls facts, checked by code: only what cites a new message, in its own words, counts.

Does no I/O and asks nobody. What does not hold is dropped, not mended.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from tablestore_memory.worker.secrets.masking import holds_secret, masked
from tablestore_memory.worker.stores.memories import Memory, Source
from tablestore_memory.worker.stores.sessions import Turn

Kind = Literal["profile", "preference", "fact", "event", "plan", "relationship", "instruction"]
_LONGEST_FACT = 600  # characters; the prompt asks for 60 words
_LONGEST_NAME = 200  # characters


class _Cited(msgspec.Struct, frozen=True):
    n: int
    quote: str


class Fact(msgspec.Struct, frozen=True):
    """One fact as Qwen gives it; messages are numbered, context first."""

    text: str
    kind: Kind
    sources: list[_Cited]
    subject: str | None = None
    said_by: str | None = None
    event_start: str | None = None
    event_end: str | None = None
    confidence: float = 1.0


class FactsAnswer(msgspec.Struct, frozen=True):
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where facts come from: whose, from which session, by which model and prompt.

    `received_ms` is the earliest receipt of what the model was shown.
    """

    user_id: str
    session_id: str
    model: str
    prompt_version: str
    received_ms: int = 0


def checked(fact: Fact, before: int, new: Sequence[Turn], origin: Origin) -> Memory | None:
    """The memory of a fact; None if it does not hold. `before` messages of context came first."""
    cited = _cited(fact, before, new)
    text = " ".join(fact.text.split())
    if not cited or not 0 < len(text) <= _LONGEST_FACT or holds_secret(text):
        return None
    stated_at = max(message.created_at for message, _ in cited)
    return Memory(
        user_id=origin.user_id,
        session_id=origin.session_id,
        text=text,
        kind=fact.kind,
        subject=_name(fact.subject),
        said_by=_name(fact.said_by),
        event_start=_day(fact.event_start),
        event_end=_day(fact.event_end),
        confidence=min(max(fact.confidence, 0.0), 1.0),
        valid_from=stated_at,
        stated_at=stated_at,
        sources=tuple(
            Source(m.message_id, masked(q), origin.session_id, origin.received_ms, m.created_at)
            for m, q in cited
        ),
        received_ms=origin.received_ms,
        model=origin.model,
        prompt_version=origin.prompt_version,
    ).identified()


def _cited(fact: Fact, before: int, new: Sequence[Turn]) -> list[tuple[Turn, str]]:
    """The cited new messages whose text holds the quote."""
    return [
        (new[cited.n - before - 1], cited.quote)
        for cited in fact.sources
        if before < cited.n <= before + len(new)
        and _holds(new[cited.n - before - 1].text, cited.quote)
    ]


def _holds(text: str, quote: str) -> bool:
    """Verbatim, but for white space and case."""
    wanted = re.sub(r"\s+", " ", quote).strip().casefold()
    return bool(wanted) and wanted in re.sub(r"\s+", " ", text).casefold()


def _name(value: str | None) -> str | None:
    """A name, or None for what cannot be one."""
    fits = value and len(value) <= _LONGEST_NAME and not holds_secret(value)
    return value if fits else None


def _day(value: str | None) -> str | None:
    """An ISO date, or None for what is none."""
    try:
        return date.fromisoformat(value[:10]).isoformat() if value else None
    except ValueError:
        return None
