"""Tries of an item that do not end: begun, failed, and why, kept until it is settled.

A try is counted when it begins, so a worker that dies leaves its count behind. Kept in a hash of the item's
partition (name: item to its attempts); to be used under a lease that covers the item. How a try ended may be
noted without: it is not, once another has begun.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.worker.failures.backoff import full_jitter_s
from tablestore_memory.worker.failures.isolation import OVERRAN, Failure, is_redis_away
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.owed import Owed
from tablestore_memory.worker.state.scripts import script


@script
def note_ending(
    redis: Redis, *, attempts: str, item: bytes, begun: bytes, packed: bytes
) -> int: ...


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
    owed: Owed = field(default_factory=Owed, repr=False)

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
        self.owed.settle()
        before = self._of(partition, item) or Attempts(0)
        begun = Attempts(before.tries + 1, failure=before.failure)
        try:
            self.redis.hset(self.key(partition), item, _packed_beginning(begun))
        except Exception as error:
            if is_redis_away(error):  # it may have been counted all the same
                self.owed.later(partial(self._stepped_aside, partition, item, begun, 0.0))
            raise
        return begun

    def failed(self, partition: int, item: bytes, begun: Attempts, failure: Failure) -> float:
        """Note how it ended. Returns the seconds until the next try."""
        wait_s = full_jitter_s(begun.tries, first_s=self.first_s, longest_s=self.longest_s)
        self.owed.note(partial(self._ended, partition, item, begun, wait_s, failure))
        return wait_s

    def step_aside(self, partition: int, item: bytes, begun: Attempts, wait_s: float) -> None:
        """It ended through no fault of the item: it does not count, and is tried again after `wait_s`."""
        self.owed.note(partial(self._stepped_aside, partition, item, begun, wait_s))

    def forget(self, partition: int, item: bytes) -> None:
        """It is settled, or starts anew."""
        self.redis.hdel(self.key(partition), item)

    def _of(self, partition: int, item: bytes) -> Attempts | None:
        packed = cast(bytes | None, self.redis.hget(self.key(partition), item))
        return _decoded(packed) if packed else None

    def _ended(
        self, partition: int, item: bytes, begun: Attempts, wait_s: float, failure: Failure
    ) -> None:
        self._note(partition, item, begun, wait_s, Attempts(begun.tries, failure=failure))

    def _stepped_aside(self, partition: int, item: bytes, begun: Attempts, wait_s: float) -> None:
        ended = Attempts(begun.tries - 1, failure=begun.failure)
        self._note(partition, item, begun, wait_s, ended)

    def _note(
        self, partition: int, item: bytes, begun: Attempts, wait_s: float, ended: Attempts
    ) -> None:
        ended = replace(ended, next_ms=now_ms(self.redis) + round(wait_s * 1000))
        note_ending(
            self.redis,
            attempts=self.key(partition),
            item=item,
            begun=_packed_beginning(begun),
            packed=msgspec.msgpack.encode(ended),
        )


def _packed_beginning(begun: Attempts) -> bytes:
    """As it stands while the try is under way: what a worker that dies leaves behind."""
    return msgspec.msgpack.encode(Attempts(begun.tries))


def _decoded(packed: bytes) -> Attempts:
    return msgspec.msgpack.decode(packed, type=Attempts)
