"""The Celery app: queues, routes, signals. Each setting with its reason.

Celery on Redis can lose a task between popping it and recording it as unacknowledged, so no task carries
anything that is not kept elsewhere; what a lost one should have done, the sweep finds.
"""

import atexit
import os
import threading
from collections.abc import Callable
from functools import partial
from platform import python_version
from typing import Any

import structlog
from celery import Celery, concurrency, signals
from kombu import Exchange, Queue

from tablestore_memory.protocol.redis_urls import is_cluster
from tablestore_memory.worker import tasks
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.dispatcher import Dispatcher, Queued, Send
from tablestore_memory.worker.dispatch.heartbeat import Worker, report_alive, this_process
from tablestore_memory.worker.dispatch.thread import Consumed, DispatcherThread, dispatcher_step
from tablestore_memory.worker.dispatch.unreadable import SkipUnreadable
from tablestore_memory.worker.failures.isolation import Isolation
from tablestore_memory.worker.metrics.reporter import Reporter
from tablestore_memory.worker.pool.ending import end_step
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.state.connection import broker, connect_redis
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.stores.codec import has_native_codec
from tablestore_memory.worker.telemetry import configure_logging
from tablestore_memory.worker.tracing.provider import Traces

log = structlog.get_logger()
_TRANSPORT = {
    # Above the longest hard limit, so that no running task is delivered again.
    "visibility_timeout": 900,
    # The default waits for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    # A peer that vanished without a word is found by the kernel and by a PING.
    "socket_keepalive": True,
    "health_check_interval": 25,
    # Never `retry_on_timeout`: a write whose answer was lost would be done twice.
}

_SETTINGS: dict[str, Any] = {
    "broker_connection_retry_on_startup": True,  # start in any order
    "broker_connection_max_retries": None,  # wait for Redis, however long it is gone
    # Early acknowledgement, results nowhere: a message only says where to look, the work stays in the
    # streams. A late one would be delivered again after a crash, beside the sweep that repeats it anyway.
    "task_acks_late": False,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    # Declared, so that a worker without `-Q` consumes all of them.
    "task_queues": [Queue(name, Exchange(name), name) for name in gate.NAMES],
    "task_default_queue": "ingest",
    # A slow model must not keep drains waiting: workers of their own.
    "task_routes": {task: {"queue": queue} for task, queue in gate.QUEUE_OF.items()},
    # Messages are small and equal; a worker must not keep what an idle one could do.
    "worker_prefetch_multiplier": 1,
    # Nobody listens; lengths and ages of the streams say more.
    "worker_send_task_events": False,
    "task_send_sent_event": False,
    # Our own log, set up once.
    "worker_hijack_root_logger": False,
    # A warm shutdown under load can stall for half a minute; with REMAP_SIGTERM=SIGQUIT this one is
    # bounded, and far above a drain's turn: it ends by itself and holds nothing.
    "worker_soft_shutdown_timeout": 3,
    # What ran when Redis was lost runs to its end: it is idempotent, and cutting it short is no gain.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # JSON alone: a broker must not be able to make a worker run code.
    "accept_content": ["json"],
}

# Whatever the command line says. Workers tell of themselves by keys of their own (worker/dispatch/heartbeat.py),
# and Celery's heartbeat waits without end for a Redis that is away: a worker told to stop would never end.
_WITHOUT = {"without_heartbeat": True, "without_gossip": True, "without_mingle": True}


# Above the soft shutdown, below what supervisors allow.
_END_S = 8.0


def create_app(
    settings: Settings, make_services: Callable[[Settings], Services] = Services
) -> Celery:
    """An app for these settings, its tasks registered; nothing is connected yet."""
    app = Celery("memory", set_as_current=False)
    app.conf.update(_broker(settings), **_SETTINGS)
    # Celery's own keeps no time limits and cannot be stopped.
    concurrency.ALIASES["threads"] = "tablestore_memory.worker.pool.threads:ThreadPool"
    concurrency.ALIASES["prefork"] = "tablestore_memory.worker.pool.processes:ProcessPool"
    traces = Traces(os.environ)
    services = _OfThisProcess(lambda: make_services(settings).timed(), traces)
    tasks.register(app, services, Isolation(settings.isolate_s, settings.extract_attempts))
    _connect_signals(app, settings, services, traces)
    app.steps["worker"].add(end_step(_END_S))
    dispatching = dispatcher_step(partial(_dispatcher_thread, settings))
    app.steps["consumer"].update((dispatching, SkipUnreadable))
    return app


class _OfThisProcess:
    """The services of the process that runs a task: complete, so that threads which begin together do not each
    make clients. Its traces begin with them."""

    def __init__(self, make: Callable[[], Services], traces: Traces) -> None:
        self._make, self._traces = make, traces
        self._made: Services | None = None
        self._making = threading.Lock()

    def __call__(self) -> Services:
        with self._making:
            if self._made is None:
                made = self._make()
                made.make_all()
                self._traces.begin()
                self._made = made
            return self._made

    def forget(self) -> None:
        """A child must not share sockets with its parent."""
        self._made, self._making = None, threading.Lock()


def _broker(settings: Settings) -> dict[str, Any]:
    conf = broker(settings.broker_url or settings.redis_url)
    conf["broker_transport_options"] |= _TRANSPORT
    # One Redis may serve several deployments.
    keys = Keys(state_streams(settings.prefix))
    conf["broker_transport_options"]["global_keyprefix"] = keys.celery("")
    return conf


def _connect_signals(
    app: Celery, settings: Settings, services: _OfThisProcess, traces: Traces
) -> None:
    def begin_anew(**_: Any) -> None:
        services.forget()

    keys = Keys(state_streams(settings.prefix))
    reporter = Reporter(partial(connect_redis, settings.redis_url), keys)

    def end(**_: Any) -> None:
        traces.end()
        reporter.end()

    atexit.register(end)

    def set_up_logging(**_: Any) -> None:
        count = reporter if settings.metrics else None
        configure_logging(settings.log_level, settings.log_format, count=count)
        log.info("worker.starting", python=python_version(), native_codec=has_native_codec())

    def go_without(sender: Any, **_: Any) -> None:
        if sender.app is app:
            sender.options |= _WITHOUT

    signals.worker_init.connect(go_without, weak=False)
    signals.worker_process_init.connect(begin_anew, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.setup_logging.connect(set_up_logging, weak=False)


def _dispatcher_thread(
    settings: Settings, send: Send, queued: Queued, consumed: Consumed
) -> DispatcherThread:
    redis, streams = connect_redis(settings.redis_url), state_streams(settings.prefix)
    dispatcher = Dispatcher(
        redis,
        streams,
        send,
        queued=queued,
        configured=settings.partitions,
        reconcile_s=settings.reconcile_s,
        blocking=not is_cluster(settings.redis_url),
    )

    def report() -> None:
        told = settings.daily_tokens, settings.max_wait_s
        report_alive(redis, streams, Worker(this_process(), tuple(consumed()), *told))

    return DispatcherThread(dispatcher, report)
