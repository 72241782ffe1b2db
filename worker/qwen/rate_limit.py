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
from typing import Any

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.calls import Spent
from tablestore_memory.worker.state.keys import CALL_MS, COUNTS_MS, Keys
from tablestore_memory.worker.state.scripts import script

_LOOK_S = (0.02, 0.1)
# After a refusal an answer allows for a 25th of a call more, and a refusal for half a call less: of those under
# way, so many percent more with each round of answers, half when all of a round are refused, and no change
# where one in 13 is. Before the first, or a minute after the last, each round doubles them.
_MORE, _LESS = 1 / 25, 1 / 2
_SLOWLY_MS = 60_000


@script
def begin_call(
    redis: Redis,
    *,
    counts: str,
    calls: str,
    call: str,
    tokens: int,
    most_requests: int,
    most_tokens: int,
    most_at_first: int,
    call_ms: int,
    window_ms: int,
    kept_ms: int,
) -> int: ...


@script
def end_call(
    redis: Redis,
    *,
    counts: str,
    calls: str,
    call: str,
    outcome: str,
    tokens: int,
    most_at_first: int,
    more: float,
    less: float,
    slowly_ms: int,
    first_pause_ms: int,
    longest_pause_ms: int,
    window_ms: int,
    kept_ms: int,
) -> None: ...


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
    streams: Streams
    rates: Rates
    budget: Budget
    window_ms: int = 60_000
    """What the rates are counted over."""
    patience_s: float = 10.0
    """Then the task gives its place to another."""
    most_at_first: int = 16
    """Calls under way before anything is known."""
    call_ms: int = CALL_MS
    """A call that nobody ended by then counts no more."""
    pause_ms: tuple[int, int] = (100, 15_000)
    """Nobody calls for so long after the second refusal without an answer in between, twice as long after the
    next; and the longest pause."""
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
        self.budget.spend(spent.tokens, spent.cached)

    def _wait_for_room(self, model: str, name: str, tokens: int) -> None:
        ends, line = time.monotonic() + self.patience_s, self._lines[model]
        if not line.acquire(timeout=max(0, self.patience_s)):
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
        begun = begin_call(
            self.redis,
            **self._counted(model, name),
            tokens=tokens,
            most_requests=self.rates.requests,
            most_tokens=self.rates.tokens,
            call_ms=self.call_ms,
        )
        return bool(begun)

    def _end(self, model: str, name: str, outcome: str, more_tokens: int) -> None:
        first_pause_ms, longest_pause_ms = self.pause_ms
        end_call(
            self.redis,
            **self._counted(model, name),
            outcome=outcome,
            tokens=more_tokens,
            more=_MORE,
            less=_LESS,
            slowly_ms=_SLOWLY_MS,
            first_pause_ms=first_pause_ms,
            longest_pause_ms=longest_pause_ms,
        )

    def _counted(self, model: str, call: str) -> dict[str, Any]:
        """Where calls are counted, and over what."""
        keys = Keys(self.streams)
        return {
            "counts": keys.counts(model),
            "calls": keys.calls(model),
            "call": call,
            "most_at_first": self.most_at_first,
            "window_ms": self.window_ms,
            "kept_ms": COUNTS_MS,
        }
