"""A memory as it is known: what, whose, from where, since when. Does no I/O.

The document id of a fact is a hash of the user and the normalised text, so the same fact is the same row
however often it is written.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from tablestore_memory.protocol.events import MemoryKind

Kind = MemoryKind
"""Of a fact that was extracted. A row of another program may have any."""


@dataclass(frozen=True, slots=True)
class Source:
    """The message a fact was taken from, its words, and its session.

    `received_ms` is the earliest receipt of what was shown with it, `created_at` (µs) completes the key of the
    message's row; 0 if that is not known.
    """

    message_id: str
    quote: str
    session_id: str = ""
    received_ms: int = 0
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """A durable fact. Times are µs since the epoch; event dates as exact as they were said (docs/extraction.md).

    It holds since `valid_from`, was last said at `stated_at`, and holds still: one that does not is in
    the history, with its `valid_to`. `received_ms` is the earliest receipt of anything that it was made
    from, by Redis' clock; 0 if that is not known. `edited_at` is when somebody last corrected it by hand,
    0 if nobody did.
    """

    user_id: str
    text: str
    session_id: str = ""
    kind: str = "fact"
    subject: str | None = None
    said_by: str | None = None
    event_start: str | None = None
    event_end: str | None = None
    confidence: float = 1.0
    valid_from: int = 0
    stated_at: int = 0
    sources: tuple[Source, ...] = ()
    model: str | None = None
    prompt_version: str | None = None
    document_id: str = ""
    received_ms: int = 0
    edited_at: int = 0

    def identified(self) -> "Memory":
        """With the document id that its user and text give it."""
        return replace(self, document_id=document_id(self.user_id, self.text))

    @property
    def sessions(self) -> set[str]:
        """All that gave a part of it; nothing for one that came without a session."""
        return {self.session_id, *(source.session_id for source in self.sources)} - {""}

    def is_corrected_since(self, moment: int) -> bool:
        """Whether somebody corrected it by hand at that time (µs) or later: then it stays as it is."""
        return bool(self.edited_at) and self.edited_at >= moment


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that a search found; scores compare within one search only."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class Embedded:
    """A memory with its vector; a row that AgentScope wrote may have none."""

    memory: Memory
    vector: list[float] | None


class Derived(Protocol):
    """What was made of messages: a memory, or what was one."""

    @property
    def session_id(self) -> str: ...
    @property
    def sources(self) -> tuple[Source, ...]: ...
    @property
    def received_ms(self) -> int: ...


def session_of(source: Source, made: Derived) -> str:
    """Where it was said; an earlier release kept that once, for all sources."""
    return source.session_id or made.session_id


def stems_from(made: Derived, session_id: str | None, upto_ms: int) -> bool:
    """Whether something received by then, in that session or in any, has a part in it."""
    if session_id is None:
        return made.received_ms <= upto_ms
    parts = {(session_of(each, made), each.received_ms) for each in made.sources}
    if made.session_id not in {session for session, _ in parts}:
        parts.add((made.session_id, made.received_ms))
    return any(session == session_id and received <= upto_ms for session, received in parts)


def document_id(user_id: str, text: str) -> str:
    """32 hex digits of SHA-256 over the user and the normalised text."""
    return hashlib.sha256(f"{user_id}\0{normalised(text)}".encode()).hexdigest()[:32]


def citations(user_id: str, sources: Iterable[Source]) -> list[str]:
    """The words that sources cite, each as 32 hex digits of SHA-256: equal for the same words of a message."""
    said = {f"{user_id}\0{each.message_id}\0{normalised(each.quote)}" for each in sources}
    return sorted(hashlib.sha256(each.encode()).hexdigest()[:32] for each in said)


def cited_words(memory: Memory) -> set[str]:
    """Those that a memory rests on."""
    return set(citations(memory.user_id, memory.sources))


# Full and half width forms to the usual ones. NFKC would do it too, but makes 10² the same as 102.
_WIDTHS = {
    wide: unicodedata.normalize("NFKC", chr(wide)) for wide in (0x3000, *range(0xFF01, 0xFFEF))
}


def normalised(text: str) -> str:
    """Lower case, one width, single spaces, no closing punctuation: equal for equal facts."""
    folded = unicodedata.normalize("NFC", text.translate(_WIDTHS)).casefold()
    return re.sub(r"\s+", " ", folded).strip().rstrip(".!。！ ")
