"""What an agent imports to read: what is known of a user, and what was said, for a question, in time.

    from tablestore_memory import Recall

    recall = Recall.from_env()
    prompt = recall(user_id="ana", query="Where do I live?").text

Reads only, by its own connections; needs Tablestore, and better Qwen's embeddings and Redis. Nothing of a
worker is loaded: no Celery, none of its settings, none of its rate budget.
"""

from tablestore_memory.recall.recall import Recall
from tablestore_memory.recall.results import (
    LATE,
    NOT_CONFIGURED,
    Considered,
    Explanation,
    Missing,
    Quote,
    Recalled,
    RecalledMemory,
    RecalledTurn,
)
from tablestore_memory.recall.settings import BadSettings, RecallSettings

__all__ = [
    "LATE",
    "NOT_CONFIGURED",
    "BadSettings",
    "Considered",
    "Explanation",
    "Missing",
    "Quote",
    "Recall",
    "RecallSettings",
    "Recalled",
    "RecalledMemory",
    "RecalledTurn",
]
