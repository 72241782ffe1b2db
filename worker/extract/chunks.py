"""How much of a session one question to Qwen holds, and what of it is asked about. Does no I/O."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tablestore_memory.worker.extract.shown import shown_tokens
from tablestore_memory.worker.stores.sessions import Turn

CONTEXT = 4  # earlier messages shown with the new ones
_ROLES = ("user", "assistant")
MayPart = Callable[[Turn, Turn], bool]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one question: the most messages, and about the most tokens of theirs."""

    messages: int = 40
    tokens: int = 6_000

    def chunks_of(self, messages: Iterable[Turn]) -> Iterator[list[Turn]]:
        """The messages in order, as many together as one question may hold.

        Those of one microsecond stay together, as the watermark cannot stand between them: if they are many,
        the chunk takes several questions.
        """
        return self._grouped(messages, lambda last, message: last.created_at != message.created_at)

    def parts_of(self, chunk: Iterable[Turn]) -> Iterator[list[Turn]]:
        """The chunk in parts that one question may hold."""
        return self._grouped(chunk, lambda last, message: True)

    def _grouped(self, messages: Iterable[Turn], may_part: MayPart) -> Iterator[list[Turn]]:
        group: list[Turn] = []
        tokens = 0
        for message in messages:
            more = shown_tokens(message)
            is_full = len(group) >= self.messages or tokens + more > self.tokens
            if group and is_full and may_part(group[-1], message):
                yield group
                group, tokens = [], 0
            group.append(message)
            tokens += more
        if group:
            yield group


def is_talk(message: Turn) -> bool:
    """Whether people or the assistant said it: no system prompts, tool calls or their results."""
    return bool(message.text) and message.message_type == "message" and message.role in _ROLES
