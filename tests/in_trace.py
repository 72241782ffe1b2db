"""An agent's request, as far as OpenTelemetry knows of it: a span that somebody else records."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace


@contextmanager
def in_trace(*, sampled: bool = True) -> Iterator[str]:
    """Within a span of a trace of its own; gives its traceparent."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    context = trace.SpanContext(
        int(secrets.token_hex(16), 16) or 1, int(secrets.token_hex(8), 16) or 1, False, flags
    )
    with trace.use_span(trace.NonRecordingSpan(context)):
        yield f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def trace_id(traceparent: str) -> str:
    return traceparent.split("-")[1]


def span_id(traceparent: str) -> str:
    return traceparent.split("-")[2]
