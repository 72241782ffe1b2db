"""How much of a session one question to Qwen holds, and what of it is asked about. Does no I/O."""

from collections.abc import Iterable, Iterator, Sequence

from tablestore_memory.worker.extract.shown import shown_tokens
from tablestore_memory.worker.stores.sessions import Said

CONTEXT = 4  # earlier messages shown with the new ones
_MESSAGES = 40
_TOKENS = 6_000
_ROLES = ("user", "assistant")


def piece_of(messages: Iterable[Said]) -> list[Said]:
    """As many messages from the front as one question may hold.

    Those of one microsecond stay together, as the watermark cannot stand between them: if they are many,
    the piece takes several questions.
    """
    piece: list[Said] = []
    for message in messages:
        if piece and message.created_at != piece[-1].created_at and _is_full(piece, message):
            break
        piece.append(message)
    return piece


def questions_of(piece: Iterable[Said]) -> Iterator[list[Said]]:
    """The piece in parts that one question may hold."""
    part: list[Said] = []
    for message in piece:
        if part and _is_full(part, message):
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def _is_full(part: Sequence[Said], message: Said) -> bool:
    tokens = sum(map(shown_tokens, part)) + shown_tokens(message)
    return len(part) >= _MESSAGES or tokens > _TOKENS


def is_talk(message: Said) -> bool:
    """Whether people or the assistant said it: no system prompts, tool calls or their results."""
    return bool(message.text) and message.message_type == "message" and message.role in _ROLES
