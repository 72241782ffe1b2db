"""A Celery app whose pool never comes to an end: `celery -A tests.failures.endless_worker worker`.

As Celery's does where it waits for what a child that is gone should have written.
"""

import os
import time

from celery.concurrency.prefork import TaskPool

from tablestore_memory.worker.app import create_app
from tablestore_memory.worker.settings import Settings


def never(_: TaskPool) -> None:
    while True:
        time.sleep(1)


TaskPool.on_stop = never
app = create_app(Settings.from_env(os.environ))
