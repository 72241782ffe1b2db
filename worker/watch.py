"""Who starts the work: a thread beside each Celery worker looks at the streams and enqueues tasks.

It blocks on the streams, so a new event starts a drain at once; once a second it sweeps for what was
missed: entries without a drain, sessions that fell due, requests, memories to confirm. Every worker
watches; marks in Redis keep them from enqueuing the same twice. There is no beat and no extra process.
"""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from redis import Redis
from redis.exceptions import RedisError

from producer.streams import Streams
from worker import queues
from worker.backlog import report_alive
from worker.extract.due import DueSessions
from worker.queues import Queues

_SWEEP_MS = 1_000
# After a notification: what arrives meanwhile joins the same drain.
_LINGER_S = 0.005
log = structlog.get_logger()

Send = Callable[[str, list[Any]], None]


class Watch:
    """Finds work and enqueues it through `send(task, args)`."""

    def __init__(self, redis: Redis, streams: Streams, send: Send) -> None:
        self._redis = redis
        self._streams = streams
        self._queues = Queues(redis, streams)
        self._due = DueSessions(redis, streams)
        self._send = send
        self._partitions = range(streams.partitions)
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def wait_for_events(self) -> None:
        """Return when an event arrives in any partition, or after a second."""
        newest: Any = {self._streams.events(p): "$" for p in self._partitions}
        self._redis.xread(newest, count=1, block=_SWEEP_MS)

    def start_drains(self) -> None:
        """A drain for each partition with entries that nobody drains."""
        self._start(queues.DRAIN, "events", "xlen", lease="lease")

    def sweep(self) -> None:
        """Everything else that may wait: requests, memories to confirm, sessions that are due."""
        report_alive(self._redis, self._streams, self._name)
        self._start(queues.REQUESTS, "requests", "xlen", lease="requests-lease")
        self._start(queues.CONFIRM, "confirm", "zcard", lease="confirm-lease")
        if any(pause["task"] == queues.EXTRACT for pause in self._queues.paused()):
            return
        for partition in self._partitions:
            for user_id, session_id in self._due.claim(partition):
                self._send(queues.EXTRACT, [user_id, session_id])

    def _start(self, task: str, name: str, count: str, *, lease: str) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in self._partitions:
                getattr(pipe, count)(self._streams.key(partition, name))
                pipe.exists(self._streams.key(partition, lease))
            answers = pipe.execute()
        for partition in self._partitions:
            waiting, held = answers[2 * partition : 2 * partition + 2]
            if waiting and not held and self._queues.reserve(task, partition):
                self._send(task, [partition])


class WatchThread(threading.Thread):
    """Runs a Watch until stopped; an unreachable Redis is said once and waited out."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(name="watch", daemon=True)
        self._watch = watch
        self._ended = threading.Event()

    def run(self) -> None:
        failing = False
        while not self._ended.is_set():
            try:
                self._look()
                failing = False
            except Exception as error:
                if not failing:
                    expected = isinstance(error, (RedisError, OSError))
                    log.warning("watch.failed", reason=str(error), exc_info=not expected)
                failing = True
                self._ended.wait(1.0)

    def _look(self) -> None:
        self._watch.start_drains()
        self._watch.sweep()
        self._watch.wait_for_events()
        self._ended.wait(_LINGER_S)

    def stop(self) -> None:
        self._ended.set()


def watch_step(make: Callable[[Send], Watch]) -> type[bootsteps.StartStopStep]:
    """The bootstep that gives each Celery consumer a watch."""

    class WatchStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, consumer: Any, **options: Any) -> None:
            super().__init__(consumer, **options)
            self._thread: WatchThread | None = None

        def start(self, consumer: Any) -> None:
            def send(task: str, args: list[Any]) -> None:
                consumer.app.send_task(task, args=args)

            self._thread = WatchThread(make(send))
            self._thread.start()

        def stop(self, consumer: Any) -> None:
            if self._thread:
                self._thread.stop()
                self._thread = None

    return WatchStep
