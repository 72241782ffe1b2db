"""The Celery app: queues, routes, signals. Each setting with its reason.

Celery on Redis can lose a task between popping it and recording it as unacknowledged, so no task carries
anything that is not kept elsewhere; what a lost one should have done, the sweep finds.
"""

from functools import cache
from typing import Any

from celery import Celery, signals

from worker import queues, tasks
from worker.services import Services, connect_redis
from worker.settings import Settings
from worker.telemetry import configure_logging
from worker.watch import Send, Watch, watch_step


def create_app(settings: Settings) -> Celery:
    """An app for these settings, its tasks registered; nothing is connected yet."""
    app = Celery("memory", set_as_current=False)
    app.conf.update(
        broker_url=settings.redis_url,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # wait for Redis, however long it is gone
        broker_transport_options={
            "global_keyprefix": f"{settings.prefix}:celery:",
            # Above the longest hard limit, so that no running task is delivered again.
            "visibility_timeout": 900,
            # The default waits for ever.
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        task_ignore_result=True,  # results stand in Tablestore
        task_create_missing_queues=True,
        task_default_queue="ingest",
        # A slow model must not keep drains waiting: workers of their own.
        task_routes={task: {"queue": queue} for task, queue in queues.QUEUE_OF.items()},
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        # A warm shutdown under load can stall for half a minute; this one is bounded.
        worker_soft_shutdown_timeout=3,
        worker_cancel_long_running_tasks_on_connection_loss=True,
    )

    @cache
    def services() -> Services:
        return Services(settings)

    # A child must not share sockets with its parent.
    def forget_parents_clients(**_: Any) -> None:
        services.cache_clear()

    def set_up_logging(**_: Any) -> None:
        configure_logging(settings.log_level, settings.log_format)

    signals.worker_process_init.connect(forget_parents_clients, weak=False)
    signals.setup_logging.connect(set_up_logging, weak=False)
    tasks.register(app, services)

    def make_watch(send: Send) -> Watch:
        return Watch(connect_redis(settings.redis_url), services().streams, send)

    app.steps["consumer"].add(watch_step(make_watch))
    return app
