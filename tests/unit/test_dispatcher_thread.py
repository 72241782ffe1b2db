"""The dispatcher's thread outlives whatever Redis' client raises."""

from typing import Any

from redis.exceptions import RedisClusterException
from structlog.testing import capture_logs

from devtools.servers import wait_until
from tablestore_memory.worker.dispatch.thread import DispatcherThread


class Away:
    """A dispatcher whose cluster cannot be reached."""

    def __init__(self) -> None:
        self.tries = 0

    def lead(self) -> bool:
        self.tries += 1
        raise RedisClusterException("no node answers")

    def resign(self) -> None:
        raise RedisClusterException("no node answers")


def test_cluster_that_is_away_is_said_once_and_waited_out() -> None:
    away: Any = Away()
    thread = DispatcherThread(away, lambda: None)

    with capture_logs() as logs:
        thread.start()
        wait_until(lambda: away.tries > 1, "it is tried again")
        thread.stop()
        thread.join()

    assert logs == [
        {
            "event": "dispatcher.failed",
            "log_level": "warning",
            "reason": "no node answers",
            "exc_info": False,
        }
    ]
