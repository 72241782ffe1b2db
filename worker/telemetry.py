"""Logs: stable event names, fields with units, ids and sizes; never text, never keys.

Configured once by `main` and by the command line; everything else calls `structlog.get_logger()`.
"""

import json
import logging
import sys
from typing import Any

import structlog
from structlog.processors import NAME_TO_LEVEL
from structlog.types import EventDict, Processor, WrappedLogger

C1 = range(0x7F, 0xA0)
"""Control characters that JSON does not escape: ids may hold them, and terminals do what they say."""
JSON_CONTROLS = {
    code: f"\\u{code:04x}" for code in (*C1, 0x2028, 0x2029)
}  # the last two end a line for some


def configure_logging(level: str, fmt: str, *, count: Processor | None = None) -> None:
    """Send structlog and the standard library's logging to stderr, as JSON or for a console.

    `fmt` is json, console, or auto: console on a terminal, JSON elsewhere. `count` sees all events of ours, also
    those below the level.
    """
    console = fmt == "console" or (fmt == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *((count, _from_level(level)) if count else ()),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if count else level.lower()),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.dev.ConsoleRenderer()
        if console
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Our own events tell what a task did; Celery's tell it twice for each.
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # These log request bodies or one line per call at INFO.
    for noisy in ("tablestore_for_agent_memory", "dashscope", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _json(event: object, **options: Any) -> str:
    return json.dumps(event, ensure_ascii=False, **options).translate(JSON_CONTROLS)


def _from_level(level: str) -> Processor:
    """Events below the level go no further."""
    least = logging.getLevelNamesMapping()[level]

    def drop_below(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if NAME_TO_LEVEL[method] < least:
            raise structlog.DropEvent
        return event

    return drop_below
