"""Requests and tokens a minute to Qwen, shared by all workers, and slower after a 429.

Counts stand in Redis, a model's in one hash (docs/decisions/qwen-pace.md). What is over the limit waits a
little, then the work goes back and is done later. Each refusal of the service halves the pace for a minute.
"""

import random
import time
from dataclasses import dataclass
from typing import cast

from redis import Redis

from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen.budget import Budget

_PATIENCE_S = 10.0  # then the task gives its place to another
_LOOK_S = (0.05, 0.25)
_SLOW_FOR_MS = 60_000
_SLOWEST = 5  # halvings

# A sliding window: what this minute counted, and of the minute before as much as lies in the last 60 s.
_SLIDE = """
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local minute = math.floor(ms / 60000)
local kept = redis.call('HMGET', KEYS[1], 'minute', 'requests', 'tokens', 'old_requests', 'old_tokens')
for i = 1, 5 do kept[i] = tonumber(kept[i]) or 0 end
local age = minute - kept[1]
if age == 1 then kept = {minute, 0, 0, kept[2], kept[3]} end
if age > 1 then kept = {minute, 0, 0, 0, 0} end
local function keep(requests, tokens)
  redis.call('HSET', KEYS[1], 'minute', kept[1], 'requests', kept[2] + requests,
    'tokens', kept[3] + tokens, 'old_requests', kept[4], 'old_tokens', kept[5])
  redis.call('PEXPIRE', KEYS[1], 120000)
end
"""
# KEYS: counts halvings   ARGV: requests a minute, tokens a minute, tokens wanted, most halvings
# Counts the call and returns 1 if there is room, else 0. A call larger than the limit takes all of it.
_TAKE = f"""{_SLIDE}
local share = 1 - ms % 60000 / 60000
local slowed = 2 ^ math.min(tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[4]))
local requests = math.min(slowed, tonumber(ARGV[1]))
local tokens = math.min(tonumber(ARGV[3]) * slowed, tonumber(ARGV[2]))
if kept[4] * share + kept[2] + requests > tonumber(ARGV[1]) then return 0 end
if kept[5] * share + kept[3] + tokens > tonumber(ARGV[2]) then return 0 end
keep(requests, tokens)
return 1
"""
# KEYS: counts   ARGV: tokens used beyond what was counted
_ADD = f"{_SLIDE} keep(0, tonumber(ARGV[1]))"


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
    prefix: str
    rates: Rates
    budget: Budget

    def before(self, model: str, tokens: int) -> None:
        """Wait for room for a call of about `tokens`. Raises Throttled when there is none for long."""
        ends = time.monotonic() + _PATIENCE_S
        while not self._take(model, tokens):
            if time.monotonic() > ends:
                raise Throttled(
                    f"Qwen: our own limit for {model} (MEMORY_QWEN_RPM, MEMORY_QWEN_TPM)"
                )
            time.sleep(random.uniform(*_LOOK_S))

    def after(self, model: str, estimated: int, used: int) -> None:
        """Count what a call used in truth; a larger answer than thought delays the next ones."""
        if used > estimated:
            self.redis.eval(_ADD, 1, self._key(model, "counts"), used - estimated)
        self.budget.spend(used)

    def throttled(self, model: str) -> None:
        """The service said no: everybody's pace is halved, for a minute after the last time."""
        key = self._key(model, "halvings")
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.pexpire(key, _SLOW_FOR_MS)
            pipe.execute()

    def slowed(self, model: str) -> int:
        """By what the pace is divided now: 1, 2, 4 …"""
        halvings = int(cast(bytes | None, self.redis.get(self._key(model, "halvings"))) or 0)
        return int(2 ** min(halvings, _SLOWEST))

    def _take(self, model: str, tokens: int) -> bool:
        keys = [self._key(model, "counts"), self._key(model, "halvings")]
        limits = [self.rates.requests, self.rates.tokens]
        return bool(self.redis.eval(_TAKE, 2, *keys, *limits, tokens, _SLOWEST))

    def _key(self, model: str, name: str) -> str:
        """The braces are Redis Cluster's hash tag: one slot for a model's keys."""
        return f"{self.prefix}:{{qwen-{model}}}:{name}"
