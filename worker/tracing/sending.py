"""Sends spans by OTLP over HTTP, and says in our own words when that fails."""

import logging
import os
import time
from collections.abc import Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

# Its messages quote the collector's address, which may hold a key, and what the collector answered.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
# A worker that is to end may take eight seconds for all of it (worker/app.py).
_TIMEOUT_S = 3.0
log = structlog.get_logger()


class Exporter(OTLPSpanExporter):
    """Spans that could not be sent are lost, and told of; nothing else waits for a collector."""

    def __init__(self) -> None:
        super().__init__(timeout=None if any(map(os.environ.get, TIMEOUTS)) else _TIMEOUT_S)
        self._ends = float("inf")

    def begin_to_end(self) -> None:
        """From now on no sending is begun after the time that one may take."""
        self._ends = time.monotonic() + _TIMEOUT_S

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        is_late = time.monotonic() > self._ends
        result = SpanExportResult.FAILURE if is_late else super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            log.warning("traces.lost", spans=len(spans))
        return result
