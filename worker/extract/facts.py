"""Messages to facts: one call to Qwen, its answer checked by code.

An answer of the wrong shape gets one chance of repair; then the batch is split, down to the message that
is to blame. So it is with what Qwen refuses, once it answered something trivial (worker/qwen/client.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from tablestore_memory.worker.extract.answers import FactsAnswer
from tablestore_memory.worker.extract.checks import Checked, Origin, checked
from tablestore_memory.worker.extract.chunks import CONTEXT, Bounds, is_talk
from tablestore_memory.worker.extract.payload import payload
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
    bounds: Bounds = field(default_factory=Bounds)

    @asked_for(purpose="facts")
    def find(
        self, user_id: str, session_id: str, context: Sequence[Turn], new: Sequence[Turn]
    ) -> Found:
        """The facts in `new`. Raises Retryable and SystemicFailure; what is Final is in `skipped`."""
        found = Found()
        for earlier, part in self._questions(context, new):
            found += self._found(user_id, session_id, earlier, part)
        return found

    def prompts(self, context: Sequence[Turn], new: Sequence[Turn]) -> Iterator[tuple[str, str]]:
        """Exactly what is sent for a chunk, a question each: the instructions, and messages as JSON."""
        for earlier, part in self._questions(context, new):
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
        result = checked(answer, len(context), [each.said for each in said], origin)
        _tell(session_id, result)
        return Found(memories=tuple(result.memories))

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
        return load(FACTS_VERSION, self.instructions), payload(context, new)

    def _questions(
        self, context: Sequence[Turn], new: Sequence[Turn]
    ) -> Iterator[tuple[Sequence[Turn], Sequence[Turn]]]:
        """What is talk, in parts that one question may hold, each with what was said before it."""
        earlier = [message for message in context if is_talk(message)]
        for part in self.bounds.parts_of(message for message in new if is_talk(message)):
            yield earlier, part
            earlier = [*earlier, *part][-CONTEXT:]


def _tell(session_id: str, result: Checked) -> None:
    """How many facts of an answer, and of which faults: never which."""
    if dropped := result.dropped:
        log.info(
            "facts.dropped", session_id=session_id, facts=dropped.total(), reasons=dict(dropped)
        )
    if mended := result.mended:
        log.info("facts.mended", session_id=session_id, faults=mended.total(), reasons=dict(mended))


def _skipped(messages: Sequence[Turn], error: Final) -> Skipped:
    ids = tuple(message.message_id for message in messages)
    received_ms = min(message.received_ms for message in messages)
    return Skipped(ids, str(error), type(error).__name__, received_ms)
