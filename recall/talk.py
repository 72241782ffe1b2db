"""Which messages say something: what people and assistants said, no system prompts, no tools."""

from tablestore_memory.worker.stores.message_index import TALK
from tablestore_memory.worker.stores.messages import Turn


def is_talk(turn: Turn) -> bool:
    return bool(turn.text.strip()) and turn.message_type == "message" and turn.role in TALK
