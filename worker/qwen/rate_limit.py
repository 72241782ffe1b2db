"""Requests and tokens a minute to Qwen, shared by all workers, and slower after a 429.

Counts stand in Redis, a model's in one hash (docs/decisions/qwen-pace.md). What is over the limit waits a
little, then the work goes back and is done later. Each refusal of the service halves the pace for a minute.
"""

import random
import time
from dataclasses import dataclass
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.state.keys import COUNTS_MS, HALVINGS_MS, Keys
from tablestore_memory.worker.state.scripts import script

_PATIENCE_S = 10.0  # then the task gives its place to another
_LOOK_S = (0.05, 0.25)
_SLOWEST = 5  # halvings


@script
def count_call(
    redis: Redis,
    *,
    counts: str,
    halvings: str,
    requests: int,
    tokens: int,
    most_requests: int,
    most_tokens: int,
    most_halvings: int,
    force: int,
    window_ms: int,
    kept_ms: int,
) -> int: ...


@dataclass(frozen=True, slots=True)
class Rates:
    """The account's limits for a model, over all its keys, a minute."""

    requests: int
    tokens: int


class Unlimited:
    """For a single call on a person's behalf: it waits for nobody, and is not counted."""

    def before(self, model: str, tokens: int) -> None:
        """At once."""

    def after(self, model: str, estimated: int, used: int) -> None:
        """Not counted."""

    def throttled(self, model: str) -> None:
        """The caller says so."""


@dataclass(frozen=True)
class RateLimiter:
    """What Qwen asks before and tells after each call (worker/qwen/calls.py, CallLimiter)."""

    redis: Redis
    streams: Streams
    rates: Rates
    budget: Budget
    window_ms: int = 60_000
    """What the rates are counted over."""

    def before(self, model: str, tokens: int) -> None:
        """Wait for room for a call of about `tokens`. Raises Throttled when there is none for long."""
        ends = time.monotonic() + _PATIENCE_S
        while not self._count(model, 1, tokens):
            if time.monotonic() > ends:
                raise Throttled(
                    f"Qwen: our own limit for {model} (MEMORY_QWEN_RPM, MEMORY_QWEN_TPM)"
                )
            time.sleep(random.uniform(*_LOOK_S))

    def after(self, model: str, estimated: int, used: int) -> None:
        """Count what a call used in truth; a larger answer than thought delays the next ones."""
        if used > estimated:
            self._count(model, 0, used - estimated, force=True)
        self.budget.spend(used)

    def throttled(self, model: str) -> None:
        """The service said no: everybody's pace is halved, for a minute after the last time."""
        key = Keys(self.streams).halvings(model)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.pexpire(key, HALVINGS_MS)
            pipe.execute()

    def slowed(self, model: str) -> int:
        """By what the pace is divided now: 1, 2, 4 …"""
        halvings = cast(bytes | None, self.redis.get(Keys(self.streams).halvings(model)))
        return int(2 ** min(int(halvings or 0), _SLOWEST))

    def _count(self, model: str, requests: int, tokens: int, *, force: bool = False) -> bool:
        keys = Keys(self.streams)
        counted = count_call(
            self.redis,
            counts=keys.counts(model),
            halvings=keys.halvings(model),
            requests=requests,
            tokens=tokens,
            most_requests=self.rates.requests,
            most_tokens=self.rates.tokens,
            most_halvings=_SLOWEST,
            force=int(force),
            window_ms=self.window_ms,
            kept_ms=COUNTS_MS,
        )
        return bool(counted)
