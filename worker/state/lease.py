"""One holder at a time of a partition, a session or a user.

A lease is a Redis key with a random token and a time to live, renewed while it is held, by one thread for all
leases of a process. When its holder dies the key runs out and the next one may start. A lease keeps others
from starting; it cannot stop a paused holder from finishing a write, so a holder asks `ensure_held` before
each write, and writes under a lease are idempotent or conditional.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.failures.errors import Busy, LeaseLost
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
        redis: Redis,
        key: str,
        *,
        wait_s: float = 0,
        ttl_ms: int = LEASE_TTL_MS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self.token = uuid.uuid4().hex
        self.ttl_ms = ttl_ms
        self.redis = redis
        self._wait_s = wait_s
        self.monotonic = monotonic
        self.held_until = 0.0
        self.holder = threading.current_thread()
        self._in_vain = 0

    @property
    def lost_with_redis(self) -> bool:
        """Whether it is not held any more because Redis did not answer: no fault of what was done under it."""
        return self._in_vain > 0 and not self.is_held

    @property
    def is_held(self) -> bool:
        """False once the key was taken, or could not be renewed for its time to live.

        By this process's own clock, so a worker that was stopped for a while notices before it writes.
        """
        return self.monotonic() < self.held_until

    def ensure_held(self) -> None:
        """Raises LeaseLost if it is not held any more."""
        if not self.is_held:
            raise LeaseLost(f"{self.key}: the lease was lost")

    def give_up(self) -> None:
        """Renew it no more: it runs out as that of a dead holder does, and from now on is not held."""
        _renewals.discard(self)
        self.held_until, self._in_vain = 0.0, 0

    def ask_to_renew(self) -> float:
        """Returns when that was. Until there is an answer, and without one, the time to live decides."""
        self._in_vain += 1
        return self.monotonic()

    def renewed(self, asked: float) -> None:
        self.held_until, self._in_vain = asked + self.ttl_ms / 1000, 0

    def not_renewed(self) -> None:
        """It is somebody else's, or nobody's: what was asked before that in vain may be why."""
        self.held_until, self._in_vain = 0.0, max(0, self._in_vain - 1)

    def __enter__(self) -> "Lease":
        ends = self.monotonic() + self._wait_s
        while not self._acquired():
            if self.monotonic() >= ends:
                raise Busy(self.key)
            time.sleep(0.05)
        _renewals.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        _renewals.discard(self)
        try:
            release(self.redis, lease=self.key, token=self.token)
        except REDIS_ERRORS:
            if error is None:
                raise  # Otherwise the first error counts; the key runs out by itself.

    def _acquired(self) -> bool:
        asked = self.monotonic()
        if not self.redis.set(self.key, self.token, nx=True, px=self.ttl_ms):
            return False
        self.held_until = asked + self.ttl_ms / 1000
        return True


@dataclass(frozen=True)
class Leases:
    """Gives leases that last so long without being renewed."""

    redis: Redis
    ttl_ms: int = LEASE_TTL_MS

    def lease(self, key: str, *, wait_s: float = 0) -> Lease:
        return Lease(self.redis, key, wait_s=wait_s, ttl_ms=self.ttl_ms)


class _Renewals:
    """The thread that renews what this process holds; it ends when nothing is held."""

    def __init__(self) -> None:
        self._held: set[Lease] = set()
        self._changed = threading.Condition()
        self._running = False

    def add(self, lease: Lease) -> None:
        with self._changed:
            self._held.add(lease)
            self._changed.notify()
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="renew leases", daemon=True).start()

    def discard(self, lease: Lease) -> None:
        with self._changed:
            self._held.discard(lease)

    def held(self) -> list[Lease]:
        with self._changed:
            return list(self._held)

    def _run(self) -> None:
        while held := self._next_round():
            for lease in _renew_all(held):
                self.discard(lease)

    def _next_round(self) -> list[Lease]:
        """All that is held after a quarter of the shortest time to live; nothing ends the thread."""
        with self._changed:
            wait_s = min((lease.ttl_ms for lease in self._held), default=LEASE_TTL_MS) / 4000
            ends = time.monotonic() + wait_s
            while (left_s := ends - time.monotonic()) > 0:
                if self._changed.wait(left_s):
                    shortest_ms = min((lease.ttl_ms for lease in self._held), default=LEASE_TTL_MS)
                    ends = min(ends, time.monotonic() + shortest_ms / 4000)
            self._running = bool(self._held)
            return list(self._held)


def _renew_all(leases: Iterable[Lease]) -> Iterator[Lease]:
    """Hold them for longer, with one round trip to each Redis. Gives those that are somebody else's now."""
    by_client: dict[int, list[Lease]] = {}
    for lease in leases:
        by_client.setdefault(id(lease.redis), []).append(lease)
    for of_one in by_client.values():
        yield from _renew_at(of_one[0].redis, of_one)


def _renew_at(redis: Redis, leases: Sequence[Lease]) -> Iterator[Lease]:
    asked = [lease.ask_to_renew() for lease in leases]
    try:
        with redis.pipeline(transaction=False) as pipe:
            for lease in leases:
                renew(pipe, lease=lease.key, token=lease.token, ttl_ms=lease.ttl_ms)
            answers = pipe.execute(raise_on_error=False)
    except REDIS_ERRORS:
        return  # The time to live decides; the next round tries again.
    for lease, when, held in zip(leases, asked, answers, strict=True):
        if isinstance(held, Exception):
            continue
        if held:
            lease.renewed(when)
        else:
            lease.not_renewed()
            yield lease


def give_up_leases_of(holder: threading.Thread) -> None:
    """Of a thread that hangs, as if it had died."""
    for lease in _renewals.held():
        if lease.holder is holder:
            lease.give_up()


def _begin_anew() -> None:
    """In a forked child: its parent's leases and thread are not its own."""
    global _renewals
    _renewals = _Renewals()


_renewals = _Renewals()
os.register_at_fork(after_in_child=_begin_anew)
