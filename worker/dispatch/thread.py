"""The thread that runs a Dispatcher beside a Celery worker, and the bootstep that starts and ends it.

It also says that the worker lives, and what it consumes.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from celery import bootsteps

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.dispatch.dispatcher import Dispatcher, Queued, Send

# Between a notification and the look: what arrives meanwhile joins the same drain. Longer while drains run
# anyway, as they take what comes.
_LINGER_S = 0.005
_LINGER_BUSY_S = 0.02
_LOOK_AT_DUTY_S = 1.0

Consumed = Callable[[], list[str]]
log = structlog.get_logger()


class DispatcherThread(threading.Thread):
    """Runs a Dispatcher until stopped; an unreachable Redis is said once and waited out.

    `report_alive` is called about once a second.
    """

    def __init__(self, dispatcher: Dispatcher, report_alive: Callable[[], None]) -> None:
        super().__init__(name="dispatcher", daemon=True)
        self._dispatcher = dispatcher
        self._report_alive = report_alive
        self._ended = threading.Event()

    def run(self) -> None:
        failing = False
        while not self._ended.is_set():
            try:
                self._report_alive()
                if self._dispatcher.lead():
                    self._look_for_a_while()
                else:
                    self._ended.wait(_LOOK_AT_DUTY_S)
                failing = False
            except Exception as error:
                if not failing:
                    expected = isinstance(error, (*REDIS_ERRORS, OSError))
                    log.warning("dispatcher.failed", reason=str(error), exc_info=not expected)
                failing = True
                self._leave()
                self._ended.wait(_LOOK_AT_DUTY_S)
        self._leave()

    def _look_for_a_while(self) -> None:
        """One sweep, then what is published until the next one is due."""
        self._dispatcher.sweep()
        linger_s = _LINGER_S
        while partitions := self._dispatcher.wait_for_events():
            if self._ended.wait(linger_s):
                return
            linger_s = _LINGER_S if self._dispatcher.start_drains(partitions) else _LINGER_BUSY_S

    def _leave(self) -> None:
        with suppress(*REDIS_ERRORS, OSError):
            self._dispatcher.resign()

    def stop(self) -> None:
        self._ended.set()


def dispatcher_step(
    make: Callable[[Send, Queued, Consumed], DispatcherThread],
) -> type[bootsteps.StartStopStep]:
    """The bootstep that gives each Celery consumer a dispatcher."""

    class WatchStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, consumer: Any, **options: Any) -> None:
            super().__init__(consumer, **options)
            self._thread: DispatcherThread | None = None

        def start(self, consumer: Any) -> None:
            def send(task: str, args: list[Any]) -> None:
                consumer.app.send_task(task, args=args)

            def queued(queue: str) -> int:
                # Not by a passive declaration: kombu looks for the queue without the keys' prefix.
                with consumer.app.connection_or_acquire() as connection:
                    return int(connection.default_channel.client.llen(queue))

            def consumed() -> list[str]:
                # Not what was asked for at the start: `celery control` may have changed it.
                tasks = consumer.task_consumer  # None once the worker shuts down
                return [queue.name for queue in tasks.queues] if tasks else []

            self._thread = make(send, queued, consumed)
            self._thread.start()

        def stop(self, consumer: Any) -> None:
            if self._thread:
                self._thread.stop()
                self._thread = None

    return WatchStep
