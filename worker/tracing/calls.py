"""A call to a model as a span of OpenTelemetry's conventions for generative AI.

Source: semantic conventions for GenAI, spans, 0.1 (status: development).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tablestore_memory.worker.tracing.spans import Attributes, Note, span


@contextmanager
def model_call(operation: str, model: str, attributes: Attributes) -> Iterator[Note]:
    """Around one request to a model."""
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "dashscope",
        "gen_ai.request.model": model,
        **attributes,
    }
    with span(f"{operation} {model}", told, kind="CLIENT") as note:
        yield note
