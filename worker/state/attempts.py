"""Tries of an item that do not end: begun, failed, and why, kept until it is settled.

A try is counted when it begins, so a worker that dies leaves its count behind. Kept in a hash of the item's
partition (name: item to its attempts); to be used under a lease that covers the item.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.worker.failures.backoff import full_jitter_s
from tablestore_memory.worker.failures.isolation import OVERRAN, Failure
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.scripts import script


@script
def note_ending(redis: Redis, *, attempts: str, item: bytes, packed: bytes) -> int: ...


TRIES_IN_COMPANY = 2
"""Of an item whose worker ends with others in its hands: it may be chance, or the fault of one of them."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Of one item: `tries` began, the last failed with `failure` (None: its worker died), and the next is not to
    begin before `next_ms`."""

    tries: int
    next_ms: int = 0
    failure: Failure | None = None

    @property
    def suspect(self) -> bool:
        """Whether it had its tries in company and the last one ended with its worker, overran, or is under way."""
        unended = self.failure is None or self.failure.error == OVERRAN
        return self.tries >= TRIES_IN_COMPANY and unended


@dataclass(frozen=True)
class AttemptLog:
    """The attempts of one kind of item, in a partition's `key`; waits double from `first_s` up to `longest_s`,
    with full jitter."""

    redis: Redis
    key: Callable[[int], str]
    first_s: float
    longest_s: float

    def all(self, partition: int) -> dict[bytes, Attempts]:
        """What is in trouble in a partition, by item."""
        found = cast(dict[bytes, bytes], self.redis.hgetall(self.key(partition)))
        return {item: _decoded(packed) for item, packed in found.items()}

    def is_suspect(self, partition: int, item: bytes) -> bool:
        attempts = self._of(partition, item)
        return attempts is not None and attempts.suspect

    def hold_a_suspect(self, partition: int) -> bool:
        return any(attempts.suspect for attempts in self.all(partition).values())

    def begin(self, partition: int, item: bytes) -> Attempts:
        """Count a try that begins now. Returns the attempts with it, and how the last one ended."""
        before = self._of(partition, item) or Attempts(0)
        packed = msgspec.msgpack.encode(Attempts(before.tries + 1))
        self.redis.hset(self.key(partition), item, packed)
        return Attempts(before.tries + 1, failure=before.failure)

    def failed(self, partition: int, item: bytes, begun: Attempts, failure: Failure) -> float:
        """Note how it ended. Returns the seconds until the next try."""
        wait_s = full_jitter_s(begun.tries, first_s=self.first_s, longest_s=self.longest_s)
        next_ms = now_ms(self.redis) + round(wait_s * 1000)
        self._note(partition, item, Attempts(begun.tries, next_ms, failure))
        return wait_s

    def step_aside(self, partition: int, item: bytes, begun: Attempts, wait_s: float) -> None:
        """It ended through no fault of the item: it does not count, and is tried again after `wait_s`."""
        next_ms = now_ms(self.redis) + round(wait_s * 1000)
        self._note(partition, item, Attempts(begun.tries - 1, next_ms, begun.failure))

    def forget(self, partition: int, item: bytes) -> None:
        """It is settled, or starts anew."""
        self.redis.hdel(self.key(partition), item)

    def _of(self, partition: int, item: bytes) -> Attempts | None:
        packed = cast(bytes | None, self.redis.hget(self.key(partition), item))
        return _decoded(packed) if packed else None

    def _note(self, partition: int, item: bytes, attempts: Attempts) -> None:
        packed = msgspec.msgpack.encode(attempts)
        note_ending(self.redis, attempts=self.key(partition), item=item, packed=packed)


def _decoded(packed: bytes) -> Attempts:
    return msgspec.msgpack.decode(packed, type=Attempts)
