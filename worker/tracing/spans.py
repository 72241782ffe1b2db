"""Spans: of a step, of what goes on with somebody's traces, of what is over.

Nothing is imported that is not loaded: in a worker `provider` does that, in an agent the app.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from sys import modules
from typing import TYPE_CHECKING, Literal

from tablestore_memory.protocol.traces import (
    OPENTELEMETRY,
    current_traceparent,
    is_sampled,
    is_traceparent,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanContext, Tracer

Kind = Literal["INTERNAL", "CLIENT", "CONSUMER"]
Value = str | int | float | Sequence[str]
Attributes = Mapping[str, Value]
Note = Callable[[Attributes], None]
"""Adds attributes to a span."""

STORE, EXTRACT, APPLY = "process events", "process session", "upsert_memory"
SEARCHABLE, RECALL = "searchable", "search_memory"
REQUEST = "process {type}"
"""Names of spans; a call to a model is called as the conventions say (calls.py)."""

_NONE: Attributes = {}
_SCOPE = "tablestore_memory"


def is_on() -> bool:
    """Whether anybody listens. That it is loaded says little: redis-py loads what there is of it."""
    if OPENTELEMETRY not in modules:
        return False
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@contextmanager
def span(
    name: str,
    attributes: Attributes = _NONE,
    *,
    kind: Kind = "INTERNAL",
    parent: str | None = None,
    links: Sequence[str] = (),
) -> Iterator[Note]:
    """Around a step: a child of `parent`, else of the current span. Both it and `links` are traceparents that
    `is_traceparent` knows.

    Of an error only the class is told: its message may say more than what was opted in to.
    """
    if not is_on():
        yield _to_nobody
        return
    from opentelemetry import trace

    with _tracer().start_as_current_span(
        name,
        context=_context_of(parent) if parent else None,
        kind=trace.SpanKind[kind],
        attributes=attributes,
        links=[_link_to(traceparent) for traceparent in links],
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current.set_attributes
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(trace.StatusCode.ERROR)
            raise


@contextmanager
def within(traceparent: str | None) -> Iterator[None]:
    """Around what is done for somebody who named a trace: what is published or told then is in it.

    A current span stays what it is, and a text that names no trace counts for nothing.
    """
    if not traceparent or not is_traceparent(traceparent) or current_traceparent():
        yield
        return
    from opentelemetry import trace

    with trace.use_span(trace.NonRecordingSpan(_span_context(traceparent))):
        yield


@contextmanager
def going_on(name: str, traces: Sequence[str], attributes: Attributes = _NONE) -> Iterator[Note]:
    """Around what is done for several traces at once: in the first that is recorded, with links to the others.

    In each of those is a span of the same name with a link to this one, so that each leads to all of it.
    """
    if not traces or not is_on():
        with span(name, attributes, kind="CONSUMER") as note:
            yield note
        return
    parent = next(filter(is_sampled, traces), traces[0])
    links = [each for each in traces if each != parent]
    with span(name, attributes, kind="CONSUMER", parent=parent, links=links) as note:
        references = _referring(name, _by_trace(parent, links))
        try:
            yield note
        finally:
            for reference in references:
                reference.end()


def ended(name: str, attributes: Attributes = _NONE, *, parent: str, after_ms: float) -> None:
    """A span, a child of the traceparent `parent`, that ends now and began so long ago."""
    if is_on():
        began_ns = time.time_ns() - round(after_ms * 1e6)
        context = _context_of(parent)
        _tracer().start_span(name, context, attributes=attributes, start_time=began_ns).end()


def _to_nobody(attributes: Attributes) -> None:
    """Of a span that there is not."""


@cache
def _tracer() -> "Tracer":
    """Of the provider that the process has, or gets later."""
    from opentelemetry import trace

    return trace.get_tracer(_SCOPE)


def _context_of(traceparent: str) -> "Context":
    from opentelemetry import trace
    from opentelemetry.context import Context

    return trace.set_span_in_context(trace.NonRecordingSpan(_span_context(traceparent)), Context())


def _link_to(traceparent: str) -> "Link":
    from opentelemetry import trace

    return trace.Link(_span_context(traceparent))


def _span_context(traceparent: str) -> "SpanContext":
    """The library's propagator takes six times as long, for what a batch does up to sixty times."""
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def _by_trace(parent: str, others: Sequence[str]) -> list[str]:
    """One of each other trace."""
    found = {_trace_id(each): each for each in others}
    found.pop(_trace_id(parent), None)
    return list(found.values())


def _trace_id(traceparent: str) -> str:
    return traceparent.split("-")[1]


def _referring(name: str, traces: Sequence[str]) -> "list[Span]":
    """Spans in these traces, begun, with a link to the current one."""
    from opentelemetry import trace

    link = trace.Link(trace.get_current_span().get_span_context())
    return [_tracer().start_span(name, _context_of(each), links=[link]) for each in traces]
