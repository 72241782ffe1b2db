"""How many calls to Qwen, for all workers together: under way at a time, and begun a minute.

In Redis stand, for each model, counts in one hash and its calls under way beside it (docs/decisions/qwen-pace.md).
The account's requests and tokens a minute are settings. How many may be under way is learnt: each answer allows
for more, each refusal (429) for less. What finds no room waits a little, then the work is done later.
"""

import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import cast

from redis import Redis

from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.calls import Spent

_PATIENCE_S = 10.0  # then the task gives its place to another
_LOOK_S = (0.02, 0.1)
# A call that nobody ended by then counts no more: its worker may have died, and must not keep others waiting.
_CALL_MS = 20_000
_FIRST = 16  # calls under way before anything is known
# After a refusal an answer allows for a 25th of a call more, and a refusal for half a call less: of those under
# way, so many percent more with each round of answers, half when all of a round are refused, and no change
# where one in 13 is. Before the first, or a minute after the last, each round doubles them.
_MORE, _LESS = 1 / 25, 1 / 2
_SLOWLY_MS = 60_000
# Nobody calls for a while after the second refusal without an answer in between, twice as long after the next.
_PAUSE_MS = (100, 15_000)

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
# KEYS: counts calls   ARGV: requests a minute, tokens a minute, tokens wanted, call, longest ms, most at first
# Counts the call and returns 1 if there is room, else 0. A call larger than the limit takes all of it.
_BEGIN = f"""{_SLIDE}
local share = 1 - ms % 60000 / 60000
local tokens = math.min(tonumber(ARGV[3]), tonumber(ARGV[2]))
if kept[4] * share + kept[2] + 1 > tonumber(ARGV[1]) then return 0 end
if kept[5] * share + kept[3] + tokens > tonumber(ARGV[2]) then return 0 end
local most, pause = unpack(redis.call('HMGET', KEYS[1], 'most', 'pause_until'))
if ms < (tonumber(pause) or 0) then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ms)
if redis.call('ZCARD', KEYS[2]) >= math.floor(tonumber(most) or tonumber(ARGV[6])) then return 0 end
keep(1, tokens)
redis.call('ZADD', KEYS[2], ms + ARGV[5], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
"""
# KEYS: counts calls   ARGV: call, outcome, tokens used beyond what was counted, most at first, more, less,
#   slowly ms, first pause ms, longest pause ms
# What is under way by half of what may be says nothing of more.
_END = f"""{_SLIDE}
local under_way = redis.call('ZCARD', KEYS[2])
redis.call('ZREM', KEYS[2], ARGV[1])
keep(0, tonumber(ARGV[3]))
local most, refused_ms, refusals = unpack(redis.call('HMGET', KEYS[1], 'most', 'refused_ms', 'refusals'))
most, refused_ms, refusals = tonumber(most) or tonumber(ARGV[4]), tonumber(refused_ms), tonumber(refusals) or 0
if ARGV[2] == 'refused' then
  refusals = refusals + 1
  local pause = math.min(ARGV[8] * 2 ^ (refusals - 2), tonumber(ARGV[9]))
  if refusals > 1 then redis.call('HSET', KEYS[1], 'pause_until', ms + math.floor(pause)) end
  redis.call('HSET', KEYS[1], 'most', math.max(1, most - ARGV[6]), 'refused_ms', ms, 'refusals', refusals)
elseif ARGV[2] == 'answered' then
  local slowly = refused_ms and ms - refused_ms < tonumber(ARGV[7])
  if under_way * 2 >= most then most = most + (slowly and tonumber(ARGV[5]) or 1) end
  redis.call('HSET', KEYS[1], 'most', most, 'refusals', 0)
end
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """The account's limits for a model, over all its keys, a minute."""

    requests: int
    tokens: int


class Unlimited:
    """For a single call on a person's behalf: it waits for nobody, and is not counted."""

    def call(self, model: str, tokens: int) -> AbstractContextManager[Spent]:
        """At once."""
        return nullcontext(Spent(tokens))


@dataclass(frozen=True)
class RateLimiter:
    """Around each call to Qwen (worker/qwen/calls.py, CallLimiter)."""

    redis: Redis
    prefix: str
    rates: Rates
    budget: Budget
    # Of a process's threads that wait for room for a model, one asks.
    _lines: defaultdict[str, threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock), repr=False
    )

    @contextmanager
    def call(self, model: str, tokens: int) -> Iterator[Spent]:
        """Wait for room for a call of about `tokens`. Raises Throttled when there is none for long."""
        name, spent = uuid.uuid4().hex, Spent(tokens)
        self._wait_for_room(model, name, tokens)
        outcome = "failed"
        try:
            yield spent
            outcome = "answered"
        except Throttled:
            outcome = "refused"
            raise
        finally:
            # A larger answer than thought delays the next calls.
            self._end(model, name, outcome, max(0, spent.tokens - tokens))
        self.budget.spend(spent.tokens)

    def most_under_way(self, model: str) -> float:
        """Calls for which there is room now, as far as refusals tell."""
        most = cast(bytes | None, self.redis.hget(self._keys(model)[0], "most"))
        return float(most) if most else _FIRST

    def _wait_for_room(self, model: str, name: str, tokens: int) -> None:
        ends, line = time.monotonic() + _PATIENCE_S, self._lines[model]
        if not line.acquire(timeout=max(0, _PATIENCE_S)):
            raise self._no_room(model)
        try:
            while not self._begin(model, name, tokens):
                if time.monotonic() > ends:
                    raise self._no_room(model)
                time.sleep(random.uniform(*_LOOK_S))
        finally:
            line.release()

    def _no_room(self, model: str) -> Throttled:
        return Throttled(
            f"Qwen: no room for one more call of {model}: our own limit (MEMORY_QWEN_RPM, "
            "MEMORY_QWEN_TPM), or what the service answers at a time"
        )

    def _begin(self, model: str, name: str, tokens: int) -> bool:
        limits = [self.rates.requests, self.rates.tokens, tokens]
        return bool(self.redis.eval(_BEGIN, 2, *self._keys(model), *limits, name, _CALL_MS, _FIRST))

    def _end(self, model: str, name: str, outcome: str, more_tokens: int) -> None:
        rule: list[float] = [_FIRST, _MORE, _LESS, _SLOWLY_MS, *_PAUSE_MS]
        arguments = [name, outcome, str(more_tokens), *map(str, rule)]
        self.redis.eval(_END, 2, *self._keys(model), *arguments)

    def _keys(self, model: str) -> list[str]:
        """The braces are Redis Cluster's hash tag: one slot for a model's keys."""
        return [f"{self.prefix}:{{qwen-{model}}}:{name}" for name in ("counts", "calls")]
