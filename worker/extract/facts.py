"""Messages to facts: one call to Qwen, its answer checked by code.

An answer of the wrong shape gets one chance of repair; then the batch is split, down to the message that
is to blame. So it is with what Qwen refuses, once it answered something trivial (worker/qwen/client.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

import msgspec
import structlog

from tablestore_memory.worker.extract.checks import FactsAnswer, Origin, checked
from tablestore_memory.worker.extract.chunks import CONTEXT, is_talk, parts_of
from tablestore_memory.worker.extract.shown import Shown, shown
from tablestore_memory.worker.failures.errors import (
    ContentRefused,
    Final,
    RequestRefused,
    UnusableReply,
)
from tablestore_memory.worker.qwen.asked_for import asked_for
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.prompts import FACTS_VERSION, load
from tablestore_memory.worker.qwen.structured import ask
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.sessions import Turn

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
    """Asks one model with one prompt for the facts in a chunk of one session."""

    qwen: Qwen
    instructions: str = ""

    @asked_for(purpose="facts")
    def find(
        self, user_id: str, session_id: str, context: Sequence[Turn], new: Sequence[Turn]
    ) -> Found:
        """The facts in `new`. Raises Retryable and SystemicFailure; what is Final is in `skipped`."""
        found = Found()
        for earlier, part in _questions(context, new):
            found += self._found(user_id, session_id, earlier, part)
        return found

    def prompts(self, context: Sequence[Turn], new: Sequence[Turn]) -> Iterator[tuple[str, str]]:
        """Exactly what is sent for a chunk, a question each: the instructions, and messages as JSON."""
        for earlier, part in _questions(context, new):
            yield self._prompt([shown(m) for m in earlier], [shown(m) for m in part])

    def _found(
        self, user_id: str, session_id: str, context: Sequence[Turn], new: Sequence[Turn]
    ) -> Found:
        said = [shown(message) for message in new]
        try:
            answer = ask(self.qwen, *self._prompt([shown(m) for m in context], said), FactsAnswer)
        except (ContentRefused, UnusableReply) as error:
            return self._with_less(user_id, session_id, context, new, error)
        received_ms = min(message.received_ms for message in (*context, *new))
        origin = Origin(user_id, session_id, self.qwen.model, FACTS_VERSION, received_ms)
        cited = [each.said for each in said]
        memories = [checked(fact, len(context), cited, origin) for fact in answer.facts]
        if dropped := memories.count(None):
            log.info("facts.dropped", session_id=session_id, facts=dropped)
        return Found(memories=tuple(memory for memory in memories if memory))

    def _with_less(
        self,
        user_id: str,
        session_id: str,
        context: Sequence[Turn],
        new: Sequence[Turn],
        error: Final,
    ) -> Found:
        """Ask again without what may be to blame: the context, or some of the messages; else skip them."""
        ask_about = partial(self._found, user_id, session_id)
        if context and isinstance(error, ContentRefused | RequestRefused):
            return ask_about((), new)
        if len(new) == 1 or isinstance(error, ContentRefused):
            return Found(skipped=(_skipped(new, error),))
        first, second = new[: len(new) // 2], new[len(new) // 2 :]
        later_context = [*context, *first][-CONTEXT:]
        return ask_about(context, first) + ask_about(later_context, second)

    def _prompt(self, context: Sequence[Shown], new: Sequence[Shown]) -> tuple[str, str]:
        numbered = [*((each, False) for each in context), *((each, True) for each in new)]
        data = [_as_data(n, each, is_new) for n, (each, is_new) in enumerate(numbered, 1)]
        return load(FACTS_VERSION, self.instructions), _json({"messages": data})


def _questions(
    context: Sequence[Turn], new: Sequence[Turn]
) -> Iterator[tuple[Sequence[Turn], Sequence[Turn]]]:
    """What is talk, in parts that one question may hold, each with what was said before it."""
    earlier = [message for message in context if is_talk(message)]
    for part in parts_of([message for message in new if is_talk(message)]):
        yield earlier, part
        earlier = [*earlier, *part][-CONTEXT:]


def _as_data(n: int, each: Shown, is_new: bool) -> dict[str, object]:
    """With the time as it was for its speaker: "yesterday" is theirs."""
    message = each.said
    zone = timezone(timedelta(minutes=message.utc_offset_min))
    data = {
        "n": n,
        "at": datetime.fromtimestamp(message.created_at / 1e6, zone).isoformat(timespec="seconds"),
        "role": message.role,
        "speaker": message.speaker,
        "text": message.text,
        "new": is_new,
    }
    return data | {"cut": True} if each.cut else data


def _skipped(messages: Sequence[Turn], error: Final) -> Skipped:
    ids = tuple(message.message_id for message in messages)
    received_ms = min(message.received_ms for message in messages)
    return Skipped(ids, str(error), type(error).__name__, received_ms)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
