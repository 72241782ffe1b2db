"""Tokens spent in a day, by all workers together, and how many may be.

When the day's budget is spent, extraction pauses until the next day (UTC); ingestion goes on. A piece
that was begun is ended, so a day may cost a few pieces more.
"""

from datetime import UTC, datetime
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import BudgetSpent
from tablestore_memory.worker.state.keys import SPENT_MS, Keys


class Budget:
    """Counts calls and tokens by day."""

    def __init__(self, redis: Redis, streams: Streams, daily_tokens: int | None) -> None:
        self._redis = redis
        self._keys = Keys(streams)
        self.daily_tokens = daily_tokens

    def spend(self, tokens: int, cached: int = 0) -> None:
        """Count one call; `cached` of its tokens came from the service's prompt cache."""
        key = self._key()
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(key, "calls", 1)
            pipe.hincrby(key, "tokens", tokens)
            if cached:
                pipe.hincrby(key, "cached_tokens", cached)
            pipe.pexpire(key, SPENT_MS)
            pipe.execute()

    def spent(self) -> dict[str, int]:
        """Calls and tokens of today, and how many of these the prompt cache had."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._key()))
        counts = {name.decode(): int(value) for name, value in found.items()}
        return {name: counts.get(name, 0) for name in ("calls", "tokens", "cached_tokens")}

    def check(self) -> None:
        """Raises BudgetSpent when nothing is left for today."""
        if self.daily_tokens is not None and self.spent()["tokens"] >= self.daily_tokens:
            raise BudgetSpent(
                f"the daily budget of {self.daily_tokens} tokens (MEMORY_DAILY_TOKENS) is spent; "
                "extraction goes on at 00:00 UTC, ingestion has not stopped"
            )

    def _key(self) -> str:
        return self._keys.spent(datetime.now(UTC).date())
