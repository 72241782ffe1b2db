"""Where spans of a worker or a server go: to a collector, by OTLP over HTTP, as OpenTelemetry's own variables say.

gRPC is none of the ways: its threads do not outlive a fork.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from tablestore_memory.worker.tracing.sending import Exporter

DISABLED = "OTEL_SDK_DISABLED"
EXPORTER = "OTEL_TRACES_EXPORTER"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SERVICE_NAME = "memory-worker"
"""Where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say nothing else."""
log = structlog.get_logger()


class Traces:
    """Those of one process. Nothing is imported unless the environment asks for traces."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._sending: tuple[BatchSpanProcessor, Exporter] | None = None

    def begin(self) -> None:
        """In the process that runs tasks, after any fork: threads and sockets are not for two."""
        if not wanted(self._environ):
            return
        try:
            self._sending = _set_up(self._environ)
        except ImportError:
            log.warning("traces.off", reason="OpenTelemetry is missing: install the extra 'otel'")
        except Unsupported as error:
            log.warning("traces.off", reason=str(error))
        except Exception as error:  # noqa: BLE001 - OpenTelemetry's own, which may quote a variable's value
            kind = type(error).__name__
            log.warning("traces.off", reason=f"OpenTelemetry refuses its variables: {kind}")

    def end(self) -> None:
        """Send what is left, for so long as an end may take. To be called before the process ends."""
        sending, self._sending = self._sending, None
        if sending:
            processor, exporter = sending
            exporter.begin_to_end()
            processor.shutdown()  # type: ignore[no-untyped-call]  # the library leaves it without types


@contextmanager
def traces_sent(environ: Mapping[str, str]) -> Iterator[None]:
    """Around all that a process does, if it is one that nothing forks from."""
    traces = Traces(environ)
    traces.begin()
    try:
        yield
    finally:
        traces.end()


class Unsupported(ValueError):
    """A variable of OpenTelemetry's asks for what is not done here."""


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether spans are to be sent: not without a word, as there may be no collector."""
    if environ.get(DISABLED, "").lower() == "true" or environ.get(EXPORTER) == "none":
        return False
    return any(environ.get(name) for name in (EXPORTER, *ENDPOINTS))


def _set_up(environ: Mapping[str, str]) -> "tuple[BatchSpanProcessor, Exporter] | None":
    """None where somebody else has set up OpenTelemetry in this process: then spans go their way."""
    if environ.get(EXPORTER, "otlp") != "otlp":
        raise Unsupported(f"{EXPORTER}: must be otlp or none")
    protocol = next((name for name in PROTOCOLS if environ.get(name)), "")
    if environ.get(protocol, "http/protobuf") != "http/protobuf":
        raise Unsupported(f"{protocol}: must be http/protobuf")
    from opentelemetry import trace
    from opentelemetry.sdk.resources import SERVICE_NAME as SERVICE
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from tablestore_memory.worker.tracing.sending import Exporter

    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return None
    resource = Resource.create({SERVICE: SERVICE_NAME}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = Exporter()
    processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return processor, exporter
