"""Messages to facts: one call to Qwen, its answer checked by code.

An answer of the wrong shape gets one chance of repair; then the batch is split, down to the message that
is to blame. Secrets are masked before anything is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import msgspec
import structlog

from tablestore_memory.worker.errors import ContentRefused, Final, UnusableReply
from tablestore_memory.worker.extract.answers import ask
from tablestore_memory.worker.extract.checks import FactsAnswer, Origin, checked
from tablestore_memory.worker.extract.pieces import is_talk
from tablestore_memory.worker.extract.prompts import FACTS_VERSION, load
from tablestore_memory.worker.extract.secrets import masked
from tablestore_memory.worker.qwen import Qwen
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.sessions import Said

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Messages that gave no usable answer, and why; `received_ms` is the earliest of their receipts."""

    message_ids: tuple[str, ...]
    reason: str
    error: str
    received_ms: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    memories: tuple[Memory, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __add__(self, other: "Found") -> "Found":
        return Found(self.memories + other.memories, self.skipped + other.skipped)

    @property
    def received_ms(self) -> int | None:
        """The earliest receipt of what this tells of; None if it tells nothing."""
        receipts = [memory.received_ms for memory in self.memories]
        return min([*receipts, *(each.received_ms for each in self.skipped)], default=None)


@dataclass(frozen=True)
class FactFinder:
    """Asks one model with one prompt for the facts in a piece of one session."""

    qwen: Qwen
    instructions: str = ""

    def find(
        self, user_id: str, session_id: str, context: Sequence[Said], new: Sequence[Said]
    ) -> Found:
        """The facts in `new`. Raises Retryable and SameForEveryone; what is Final is in `skipped`."""
        context, new = _talk(context), _talk(new)
        if not new:
            return Found()
        try:
            answer = ask(self.qwen, *self.prompt(context, new), FactsAnswer)
        except ContentRefused as error:
            return Found(skipped=(_skipped(new, error),))
        except UnusableReply as error:
            if len(new) == 1:
                return Found(skipped=(_skipped(new, error),))
            middle = len(new) // 2
            first, second = new[:middle], new[middle:]
            later_context = [*context, *first][-max(len(context), 1) :]
            return self.find(user_id, session_id, context, first) + self.find(
                user_id, session_id, later_context, second
            )
        received_ms = min(message.received_ms for message in (*context, *new))
        origin = Origin(user_id, session_id, self.qwen.model, FACTS_VERSION, received_ms)
        memories = [checked(fact, len(context), new, origin) for fact in answer.facts]
        if dropped := memories.count(None):
            log.info("facts.dropped", session_id=session_id, facts=dropped)
        return Found(memories=tuple(memory for memory in memories if memory))

    def prompt(self, context: Sequence[Said], new: Sequence[Said]) -> tuple[str, str]:
        """Exactly what is sent for a piece: the instructions, and the messages as JSON."""
        numbered = [
            *((message, False) for message in _talk(context)),
            *((message, True) for message in _talk(new)),
        ]
        data = [_shown(n, m, is_new) for n, (m, is_new) in enumerate(numbered, 1)]
        return load(FACTS_VERSION, self.instructions), _json({"messages": data})


def _shown(n: int, message: Said, is_new: bool) -> dict[str, object]:
    """With the time as it was for its speaker: "yesterday" is theirs."""
    zone = timezone(timedelta(minutes=message.utc_offset_min))
    return {
        "n": n,
        "at": datetime.fromtimestamp(message.created_at / 1e6, zone).isoformat(timespec="seconds"),
        "role": message.role,
        "speaker": message.speaker,
        "text": message.text,
        "new": is_new,
    }


def _talk(messages: Sequence[Said]) -> list[Said]:
    """What people and the assistant said, as it may leave this machine."""
    return [replace(m, text=masked(m.text)) for m in messages if is_talk(m)]


def _skipped(messages: Sequence[Said], error: Final) -> Skipped:
    ids = tuple(message.message_id for message in messages)
    received_ms = min(message.received_ms for message in messages)
    return Skipped(ids, str(error), type(error).__name__, received_ms)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
