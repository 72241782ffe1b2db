"""Requests and tokens a minute to Qwen, shared by all workers, and slower after a 429.

Counts stand in Redis (`limits`, a sliding window). What is over the limit waits a little, then the work
goes back and is done later. Each refusal of the service halves the pace for a minute.
"""

import random
import time
from dataclasses import dataclass
from typing import cast

from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import Redis

from tablestore_memory.worker.budget import Budget
from tablestore_memory.worker.errors import Throttled

_PATIENCE_S = 10.0  # then the task gives its place to another
_LOOK_S = (0.05, 0.25)
_SLOW_FOR_MS = 60_000
_SLOWEST = 5  # halvings


@dataclass(frozen=True, slots=True)
class Rates:
    """The account's limits for a model, over all its keys."""

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


class SharedPace:
    """What Qwen asks before and tells after each call (worker/qwen.py, Pace)."""

    def __init__(self, redis: Redis, url: str, prefix: str, rates: Rates, budget: Budget) -> None:
        self._redis = redis
        self._limiter = SlidingWindowCounterRateLimiter(
            storage_from_string(
                url, key_prefix=f"{prefix}:rate", socket_timeout=10, socket_connect_timeout=5
            )
        )
        self._requests = RateLimitItemPerMinute(rates.requests)
        self._tokens = RateLimitItemPerMinute(rates.tokens)
        self._prefix = prefix
        self._budget = budget

    def before(self, model: str, tokens: int) -> None:
        """Wait for room for a call of about `tokens`. Raises Throttled when there is none for long."""
        ends = time.monotonic() + _PATIENCE_S
        while not self._room(model, tokens):
            if time.monotonic() > ends:
                raise Throttled(
                    f"Qwen: our own limit for {model} (MEMORY_QWEN_RPM, MEMORY_QWEN_TPM)"
                )
            time.sleep(random.uniform(*_LOOK_S))

    def after(self, model: str, estimated: int, used: int) -> None:
        """Count what a call used in truth; a larger answer than thought delays the next ones."""
        if used > estimated:
            self._limiter.hit(self._tokens, "tokens", model, cost=used - estimated)
        self._budget.spend(used)

    def throttled(self, model: str) -> None:
        """The service said no: everybody's pace is halved, for a minute after the last time."""
        key = self._slow_key(model)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.pexpire(key, _SLOW_FOR_MS)
            pipe.execute()

    def slowed(self, model: str) -> int:
        """By what the pace is divided now: 1, 2, 4 …"""
        halvings = int(cast(bytes | None, self._redis.get(self._slow_key(model))) or 0)
        return int(2 ** min(halvings, _SLOWEST))

    def _room(self, model: str, tokens: int) -> bool:
        slowed = self.slowed(model)
        wanted = (
            (self._requests, ("requests", model), slowed),
            (self._tokens, ("tokens", model), tokens * slowed),
        )
        # A call larger than the whole limit must be possible once in a minute.
        costs = [(item, ids, min(cost, item.amount)) for item, ids, cost in wanted]
        if not all(self._limiter.test(item, *ids, cost=cost) for item, ids, cost in costs):
            return False
        return all(self._limiter.hit(item, *ids, cost=cost) for item, ids, cost in costs)

    def _slow_key(self, model: str) -> str:
        return f"{self._prefix}:slow-{model}"
