"""The recall of a process, as its publisher is `producer.pending.shared_publisher`."""

from tablestore_memory.producer.once import once
from tablestore_memory.recall import Recall

ROOM_FOR_ALL = 100_000
"""Tokens of a block that nobody reads: room for all that a search finds."""


@once
def shared_recall() -> Recall:
    """The recall of all adapters that were given none. Raises BadSettings, which says what is not set."""
    return Recall.from_env()
