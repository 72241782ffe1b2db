"""One piece of work, read from stdin, in a process that ends itself if it takes too long (pool/apart.py)."""

import faulthandler
import os
import sys
from functools import partial

import msgspec

from tablestore_memory.worker.metrics.reporter import Reporter
from tablestore_memory.worker.pool.apart import Work
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.state.attempts import TRIES_IN_COMPANY
from tablestore_memory.worker.state.connection import connect_redis
from tablestore_memory.worker.tasks import execute
from tablestore_memory.worker.telemetry import configure_logging
from tablestore_memory.worker.tracing.provider import traces_sent


def main() -> None:
    work = msgspec.json.decode(sys.stdin.buffer.read(), type=Work)
    # By a thread of C: also when something holds the interpreter's lock, and when nobody waits for us any more.
    faulthandler.dump_traceback_later(work.limit_s, exit=True)
    settings = Settings.from_env(os.environ)
    # What ended others' worker may not have been its fault: it is judged by what it does here.
    tries = settings.extract_attempts + TRIES_IN_COMPANY
    settings = settings.model_copy(update={"extract_attempts": tries})
    services = Services(settings).timed()
    reporter = Reporter(partial(connect_redis, settings.redis_url), services.keys)
    count = reporter if settings.metrics else None
    configure_logging(settings.log_level, settings.log_format, count=count)
    with traces_sent(os.environ):
        execute(services, work.task, work.about)
    reporter.end()


if __name__ == "__main__":
    main()
