"""A recall as a span, with the app's own OpenTelemetry; without it nothing is imported, and nothing done."""

from collections.abc import Iterator
from contextlib import contextmanager

from tablestore_memory.recall.asked import Asked
from tablestore_memory.recall.results import Recalled
from tablestore_memory.worker.tracing import spans
from tablestore_memory.worker.tracing.content import ids, queried


@contextmanager
def recalling(asked: Asked) -> Iterator[spans.Note]:
    """Around the steps of a recall."""
    told = {
        "gen_ai.operation.name": spans.RECALL,
        **ids(asked.user_id, asked.session_id),
        **queried(asked.query),
    }
    with spans.span(spans.RECALL, told) as note:
        yield note


def about_result(result: Recalled) -> spans.Attributes:
    """How much came, and what did not come in time."""
    return {
        "gen_ai.memory.record.count": len(result.memories),
        "memory_worker.turns": len(result.turns),
        "memory_worker.missing": [missing.part for missing in result.missing],
    }
