"""Messages to facts: one call to Qwen, its answer checked by code.

A fact counts only if it cites a new message with words that stand in it, and holds no secret. An answer
of the wrong shape gets one chance of repair; then the batch is split, down to the message that is to blame.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal

import msgspec
import structlog

from worker.errors import ContentRefused, UnusableReply
from worker.extract.answers import ask
from worker.extract.prompts import FACTS_VERSION, load
from worker.extract.secrets import holds_secret
from worker.qwen import Qwen
from worker.stores.memories import Memory, Source
from worker.stores.sessions import Said

Kind = Literal["profile", "preference", "fact", "event", "plan", "relationship", "instruction"]
_LONGEST_FACT = 600  # characters; the prompt asks for 60 words
log = structlog.get_logger()


class _Cited(msgspec.Struct, frozen=True):
    n: int
    quote: str


class _Fact(msgspec.Struct, frozen=True):
    text: str
    kind: Kind
    sources: list[_Cited]
    subject: str | None = None
    said_by: str | None = None
    event_start: str | None = None
    event_end: str | None = None
    confidence: float = 1.0


class FactsAnswer(msgspec.Struct, frozen=True):
    facts: list[_Fact]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Messages that gave no usable answer, and why."""

    message_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    memories: tuple[Memory, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __add__(self, other: "Found") -> "Found":
        return Found(self.memories + other.memories, self.skipped + other.skipped)


@dataclass(frozen=True)
class FactFinder:
    """Asks one model with one prompt for the facts in a piece of one session."""

    qwen: Qwen
    instructions: str = ""

    def find(
        self, user_id: str, session_id: str, context: Sequence[Said], new: Sequence[Said]
    ) -> Found:
        """The facts in `new`. Raises Retryable and SameForEveryone; what is Final is in `skipped`."""
        new = [message for message in new if message.text]
        if not new:
            return Found()
        try:
            answer = self._ask(context, new)
        except ContentRefused as error:
            return Found(skipped=(Skipped(tuple(m.message_id for m in new), str(error)),))
        except UnusableReply as error:
            if len(new) == 1:
                return Found(skipped=(Skipped((new[0].message_id,), str(error)),))
            middle = len(new) // 2
            first, second = new[:middle], new[middle:]
            return self.find(user_id, session_id, context, first) + self.find(
                user_id, session_id, [*context, *first][-len(context) - 1 :], second
            )
        facts = (self._checked(fact, user_id, session_id, context, new) for fact in answer.facts)
        return Found(memories=tuple(memory for memory in facts if memory))

    def prompt(self, context: Sequence[Said], new: Sequence[Said]) -> tuple[str, str]:
        """Exactly what is sent: the instructions and the data."""
        messages = [_shown(n, m, new=False) for n, m in enumerate(context, 1)]
        messages += [_shown(n, m, new=True) for n, m in enumerate(new, len(context) + 1)]
        return load(FACTS_VERSION, self.instructions), _json({"messages": messages})

    def _ask(self, context: Sequence[Said], new: Sequence[Said]) -> FactsAnswer:
        system, user = self.prompt(context, new)
        return ask(self.qwen, system, user, FactsAnswer)

    def _checked(
        self,
        fact: _Fact,
        user_id: str,
        session_id: str,
        context: Sequence[Said],
        new: Sequence[Said],
    ) -> Memory | None:
        cited = _sources(fact, len(context), new)
        text = " ".join(fact.text.split())
        if not cited or not 0 < len(text) <= _LONGEST_FACT or holds_secret(text):
            log.info("fact.dropped", session_id=session_id, cited=len(cited), characters=len(text))
            return None
        return Memory(
            user_id=user_id,
            session_id=session_id,
            text=text,
            kind=fact.kind,
            subject=fact.subject,
            said_by=fact.said_by,
            event_start=_day(fact.event_start),
            event_end=_day(fact.event_end),
            confidence=min(max(fact.confidence, 0.0), 1.0),
            valid_from=max(message.created_at for message, _ in cited),
            sources=tuple(Source(message.message_id, quote) for message, quote in cited),
            model=self.qwen.model,
            prompt_version=FACTS_VERSION,
        ).identified()


def _shown(n: int, message: Said, *, new: bool) -> dict[str, object]:
    zone = timezone(timedelta(minutes=message.utc_offset_min))
    return {
        "n": n,
        "at": datetime.fromtimestamp(message.created_at / 1e6, zone).isoformat(timespec="seconds"),
        "role": message.role,
        "speaker": message.speaker,
        "text": message.text,
        "new": new,
    }


def _sources(fact: _Fact, before: int, new: Sequence[Said]) -> list[tuple[Said, str]]:
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


def _day(value: str | None) -> str | None:
    """An ISO date, or None for what is none."""
    try:
        return date.fromisoformat(value[:10]).isoformat() if value else None
    except ValueError:
        return None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
