"""How the last hour went, as this process saw it: a look every ten seconds. Reads Redis only."""

import threading
from collections import deque
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Self

from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.operations.ages import Ages, ages
from tablestore_memory.worker.operations.throughput import Throughput, throughput
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys

EVERY_S = 10.0
_KEPT_S = 3600


@dataclass(frozen=True, slots=True)
class Beat:
    """`at_ms` is Redis' time; `done` has all that was ever done."""

    at_ms: int
    done: Throughput
    ages: Ages


class Pulse:
    """Beats from its start to its end, as a context."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._beats: deque[Beat] = deque(maxlen=round(_KEPT_S / EVERY_S) + 1)
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
            with suppress(*REDIS_ERRORS, OSError):
                self._beats.append(self._beat())
            if self._over.wait(EVERY_S):
                return

    def _beat(self) -> Beat:
        done = throughput(self._redis, self._keys)
        return Beat(now_ms(self._redis), done, ages(self._redis, self._keys.streams))


def increases(beats: list[Beat]) -> list[tuple[Beat, Throughput]]:
    """What was done before each beat, since the one before it; counters that began anew count for nothing."""
    return [(later, _increase(earlier.done, later.done)) for earlier, later in pairwise(beats)]


def _increase(before: Throughput, after: Throughput) -> Throughput:
    pairs = zip(astuple(before), astuple(after), strict=True)
    return Throughput(*(max(0, n - earlier) for earlier, n in pairs))
