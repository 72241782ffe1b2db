"""How much of a session one question to Qwen holds, and what of it is asked about. Does no I/O."""

from collections.abc import Iterable, Iterator, Sequence

from tablestore_memory.worker.extract.shown import shown_tokens
from tablestore_memory.worker.stores.sessions import Turn

CONTEXT = 4  # earlier messages shown with the new ones
_MESSAGES = 40
_TOKENS = 6_000
_ROLES = ("user", "assistant")


def chunks_of(messages: Iterable[Turn]) -> Iterator[list[Turn]]:
    """The messages in order, as many together as one question may hold.

    Those of one microsecond stay together, as the watermark cannot stand between them: if they are many,
    the chunk takes several questions.
    """
    chunk: list[Turn] = []
    for message in messages:
        if chunk and message.created_at != chunk[-1].created_at and _is_full(chunk, message):
            yield chunk
            chunk = []
        chunk.append(message)
    if chunk:
        yield chunk


def parts_of(chunk: Iterable[Turn]) -> Iterator[list[Turn]]:
    """The chunk in parts that one question may hold."""
    part: list[Turn] = []
    for message in chunk:
        if part and _is_full(part, message):
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def _is_full(part: Sequence[Turn], message: Turn) -> bool:
    tokens = sum(map(shown_tokens, part)) + shown_tokens(message)
    return len(part) >= _MESSAGES or tokens > _TOKENS


def is_talk(message: Turn) -> bool:
    """Whether people or the assistant said it: no system prompts, tool calls or their results."""
    return bool(message.text) and message.message_type == "message" and message.role in _ROLES
