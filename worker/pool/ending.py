"""A worker that is told to end at once ends, whatever Celery waits for on its way out.

Celery's way out asks Redis, which may hang, and reads from pipes of its pool, where nothing may come any more.
What it would still have done there nothing depends on: a killed worker leaves nothing behind that another
does not go on with.
"""

import os
import signal
import threading
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from billiard import active_children
from celery import bootsteps


def end_step(within_s: float) -> type[bootsteps.StartStopStep]:
    """The bootstep of a worker by which it ends so soon after SIGQUIT, or a SIGTERM that means the same."""

    class EndStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
        def start(self, worker: Any) -> None:
            """Celery has its handlers by now: they begin its way out."""
            remapped = os.environ.get("REMAP_SIGTERM") == "SIGQUIT"
            for number in (signal.SIGQUIT, signal.SIGTERM) if remapped else (signal.SIGQUIT,):
                then = signal.getsignal(number)
                signal.signal(number, partial(_told, within_s, then))

    return EndStep


def _told(within_s: float, then: Any, number: int, frame: FrameType | None) -> None:
    timer = threading.Timer(within_s, _end)
    timer.daemon = True
    timer.start()
    then(number, frame)


def _end() -> None:
    for child in active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    os._exit(1)
