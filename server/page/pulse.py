"""How the work went in the last hour, as this process saw it: a look every ten seconds. Reads Redis only."""

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from redis import Redis
from redis.exceptions import RedisClusterException, RedisError

from tablestore_memory.worker.metrics.catalogue import SETTLED
from tablestore_memory.worker.metrics.tally import Series
from tablestore_memory.worker.operations.ages import Ages, ages
from tablestore_memory.worker.operations.flow import flow
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys

EVERY_S = 10.0
KEPT_S = 3600
_STORED = Series(SETTLED.name, ("stored",))


@dataclass(frozen=True, slots=True)
class Beat:
    """`stored` are all events ever stored; `at_ms` is Redis' time."""

    at_ms: int
    stored: float
    ages: Ages


class Pulse:
    """Beats from its start to its end, as a context."""

    def __init__(self, redis: Redis, keys: Keys, every_s: float = EVERY_S) -> None:
        self._redis = redis
        self._keys = keys
        self._every_s = every_s
        self._beats: deque[Beat] = deque(maxlen=round(KEPT_S / every_s))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def beats(self) -> list[Beat]:
        """Oldest first; none of the time while Redis was away."""
        return list(self._beats)

    def _beat_on(self) -> None:
        while True:
            with suppress(RedisError, RedisClusterException, OSError):
                self._beats.append(self._beat())
            if self._over.wait(self._every_s):
                return

    def _beat(self) -> Beat:
        stored = flow(self._redis, self._keys)[_STORED]
        return Beat(now_ms(self._redis), stored, ages(self._redis, self._keys.streams))
