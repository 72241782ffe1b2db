"""The recall of a process, as its publisher is `producer.pending.shared_publisher`."""

from functools import cache

from tablestore_memory.recall import Recall


@cache
def shared_recall() -> Recall:
    """The recall of all adapters that were given none. Raises BadSettings, which says what is not set."""
    return Recall.from_env()
