"""One holder at a time of a partition, a session or a user.

A lease is a Redis key with a random token and a time to live, renewed from a thread while it is held.
When its holder dies the key runs out and the next one may start. A lease keeps others from starting; it
cannot stop a paused holder from finishing a write, so writes under a lease are idempotent or conditional.
"""

import threading
import uuid
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError

from tablestore_memory.worker.errors import Busy

# Long enough to live through a pause of a busy machine, short enough that a dead holder costs moments.
LEASE_TTL_MS = 6_000
_RENEW_EVERY_S = LEASE_TTL_MS / 1000 / 4

_IF_MINE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
_RENEW = _IF_MINE + "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
_RELEASE = _IF_MINE + "return redis.call('DEL', KEYS[1])"


class Lease:
    """A context manager; entering raises Busy when somebody else holds `key`."""

    def __init__(self, redis: "Redis", key: str, *, wait_s: float = 0) -> None:
        self.key = key
        self.token = uuid.uuid4().hex
        self._redis = redis
        self._wait_s = wait_s
        self._ended = threading.Event()
        self._lost = False

    @property
    def lost(self) -> bool:
        """True once renewal found the key gone or taken; stop writing."""
        return self._lost

    def __enter__(self) -> "Lease":
        waited = 0.0
        while not self._redis.set(self.key, self.token, nx=True, px=LEASE_TTL_MS):
            if waited >= self._wait_s:
                raise Busy(self.key)
            waited += 0.05
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
            self._redis.eval(_RELEASE, 1, self.key, self.token)
        except RedisError:
            if error is None:
                raise  # Otherwise the first error counts; the key runs out by itself.

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW_EVERY_S):
            try:
                held = self._redis.eval(_RENEW, 1, self.key, self.token, LEASE_TTL_MS)
            except RedisError:
                continue  # The time to live decides; the next round tries again.
            if not held:
                self._lost = True
                return
