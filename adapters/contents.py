"""What a message says, in the two forms that frameworks ask for. Does no I/O."""

import msgspec

from tablestore_memory.producer import Message
from tablestore_memory.protocol.events import Parts
from tablestore_memory.worker.stores.parts import spoken


def as_said(message: Message) -> str | Parts:
    """Its text, or its parts. One plain text comes as a text, in whichever form it was published."""
    content = message.content
    if not isinstance(content, list):
        return content or ""
    if len(content) == 1 and content[0].keys() <= {"type", "text"} and content[0]["type"] == "text":
        return content[0].get("text") or ""
    return content


def text_of(message: Message) -> str:
    """All its texts, and what its pictures and files are said to be."""
    said = as_said(message)
    return said if isinstance(said, str) else spoken(None, msgspec.json.encode(said).decode())
