"""How much of a session one question to Qwen holds, and what of it is asked about. Does no I/O."""

from collections.abc import Iterable

from tablestore_memory.worker.stores.sessions import Said
from tablestore_memory.worker.tokens import tokens_of

CONTEXT = 4  # earlier messages shown with the new ones
_MESSAGES = 40
_TOKENS = 6_000
_ROLES = ("user", "assistant")


def piece_of(messages: Iterable[Said]) -> list[Said]:
    """As many messages from the front as one call may hold; those of one microsecond stay together."""
    piece: list[Said] = []
    tokens = 0
    for message in messages:
        tokens += tokens_of(message.text)
        full = len(piece) >= _MESSAGES or tokens > _TOKENS
        if piece and full and message.created_at != piece[-1].created_at:
            break
        piece.append(message)
    return piece


def is_talk(message: Said) -> bool:
    """Whether people or the assistant said it: no system prompts, tool calls or their results."""
    return bool(message.text) and message.message_type == "message" and message.role in _ROLES
