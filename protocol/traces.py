"""The trace in which an event was published, as the `traceparent` of W3C Trace Context.

It is that of OpenTelemetry's current span. Nothing is imported for it: whoever has a span has loaded the library.
"""

import re
from sys import modules

from tablestore_memory.protocol.events import MAX_EVENT_BYTES

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
OPENTELEMETRY = "opentelemetry.trace"
"""The module that whoever has a span has loaded. `publish` asks for it by itself: a call would cost more."""
_ROOM = len(',"traceparent":""') + 55
_SAMPLED, _RANDOM = 1, 2  # the flags of level 2


def current_traceparent() -> str | None:
    """Of the current span; None where there is none. Raises nothing."""
    trace = modules.get(OPENTELEMETRY)
    if trace is None:
        return None
    try:
        # Asked first, as it takes a third of the time: in an agent that has no spans nothing is in it.
        if not modules["opentelemetry.context"].get_current():
            return None
        span = trace.get_current_span().get_span_context()
        flags = span.trace_flags & (_SAMPLED | _RANDOM)
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{flags:02x}" if span.is_valid else None
    except Exception:  # noqa: BLE001 - a module that is half imported, a span of somebody's own
        return None


def traced(data: bytes) -> bytes:
    """The JSON of an event that names no trace, with the current one; as it is where there is none, or no room."""
    traceparent = current_traceparent()
    if traceparent is None or len(data) + _ROOM > MAX_EVENT_BYTES:
        return data
    return b'%b,"traceparent":"%b"}' % (data[:-1], traceparent.encode())


def is_traceparent(text: str) -> bool:
    """Whether a reader may use it: what is none counts for nothing."""
    return _TRACEPARENT.fullmatch(text) is not None


def is_sampled(traceparent: str) -> bool:
    """Whether its trace is recorded where it began."""
    return int(traceparent[-2:], 16) & _SAMPLED == _SAMPLED
