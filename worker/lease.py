"""One holder at a time of a partition, a session or a user.

A lease is a Redis key with a random token and a time to live, renewed from a thread while it is held.
When its holder dies the key runs out and the next one may start. A lease keeps others from starting; it
cannot stop a paused holder from finishing a write, so a holder asks `ensure_held` before each write, and
writes under a lease are idempotent or conditional.
"""

import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from tablestore_memory.worker.errors import Busy, LeaseLost
from tablestore_memory.worker.state.scripts import script

# Long enough to live through a pause of a busy machine, short enough that a dead holder costs moments.
LEASE_TTL_MS = 6_000


@script
def renew(redis: Redis, *, lease: str, token: str, ttl_ms: int) -> int: ...


@script
def release(redis: Redis, *, lease: str, token: str) -> int: ...


class Lease:
    """A context manager; entering raises Busy when somebody else holds `key`."""

    def __init__(
        self,
        redis: "Redis",
        key: str,
        *,
        wait_s: float = 0,
        ttl_ms: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.token = uuid.uuid4().hex
        self._redis = redis
        self._wait_s = wait_s
        self._ttl_ms = ttl_ms or LEASE_TTL_MS
        self._monotonic = monotonic
        self._ended = threading.Event()
        self._held_until = 0.0
        self._taken = False

    def ensure_held(self) -> None:
        """Raises LeaseLost once the key was taken, or could not be renewed for its time to live.

        By this process's own clock, so a worker that was stopped for a while notices before it writes.
        """
        if self._taken or self._monotonic() >= self._held_until:
            raise LeaseLost(f"{self.key}: the lease was lost")

    def __enter__(self) -> "Lease":
        ends = self._monotonic() + self._wait_s
        while not self._acquired():
            if self._monotonic() >= ends:
                raise Busy(self.key)
            self._ended.wait(0.05)
        threading.Thread(target=self._renew, name=f"renew {self.key}", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._ended.set()
        try:
            release(self._redis, lease=self.key, token=self.token)
        except RedisError:
            if error is None:
                raise  # Otherwise the first error counts; the key runs out by itself.

    def _acquired(self) -> bool:
        asked = self._monotonic()
        if not self._redis.set(self.key, self.token, nx=True, px=self._ttl_ms):
            return False
        self._held_until = asked + self._ttl_ms / 1000
        return True

    def _renew(self) -> None:
        while not self._ended.wait(self._ttl_ms / 4000):
            asked = self._monotonic()
            try:
                held = renew(self._redis, lease=self.key, token=self.token, ttl_ms=self._ttl_ms)
            except RedisError:
                continue  # The time to live decides; the next round tries again.
            if not held:
                self._taken = True
                return
            self._held_until = asked + self._ttl_ms / 1000
