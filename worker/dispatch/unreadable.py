"""An element of Celery's list that is no message of Celery's costs a line in the log, not the worker.

kombu reads the list in the main process' event loop, and an element that it cannot read ends that process.
By then the element is off the list. Dropping it loses no work: a message only says where to look.
"""

from collections.abc import Callable
from functools import wraps
from queue import Empty
from typing import Any

import structlog
from celery import bootsteps

# Not UTF-8, not JSON, not base64; not a mapping; without what every message has.
_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError)
log = structlog.get_logger()


class SkipUnreadable(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Reads past such elements, on each new connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        handlers = consumer.task_consumer.channel.handlers
        handlers["BRPOP"] = _skipping(handlers["BRPOP"])


def _skipping(read: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(read)
    def skipping() -> Any:
        try:
            return read()
        except OSError:
            raise  # the connection's: some errors of TLS are a ValueError, too
        except _UNREADABLE as error:
            log.error("message.unreadable", error=type(error).__name__)
            raise Empty from None  # how kombu says that there was nothing to read

    return skipping
