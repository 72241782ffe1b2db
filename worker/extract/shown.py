"""A message as Qwen is shown it: without secrets, and no longer than a bound. Does no I/O."""

from dataclasses import dataclass, replace

from tablestore_memory.worker.qwen.tokens import tokens_of
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.stores.sessions import Turn

# An event may hold 256 KiB; what is worth remembering of a pasted book is said about it, not in it.
LONGEST_TEXT = 16_000  # bytes of UTF-8, about 4,000 tokens
LONGEST_SPEAKER = 100  # characters
_MARGIN = 4_000  # characters: a secret that begins before the cut is seen as a whole


@dataclass(frozen=True, slots=True)
class Shown:
    """What quotes are checked against; `cut` if the message goes on behind its text."""

    said: Turn
    cut: bool


def shown(message: Turn) -> Shown:
    """The message without its secrets, cut where it is too long."""
    text = masked(message.text[: LONGEST_TEXT + _MARGIN])
    head = text.encode()[:LONGEST_TEXT].decode(errors="ignore")
    speaker = masked(message.speaker[:LONGEST_SPEAKER])
    cut = len(message.text) > LONGEST_TEXT + _MARGIN or head != text
    return Shown(replace(message, text=head, speaker=speaker), cut)


def shown_tokens(message: Turn) -> int:
    """About how many of its tokens are shown."""
    return tokens_of(message.text[:LONGEST_TEXT].encode()[:LONGEST_TEXT])
