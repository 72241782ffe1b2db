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

    def spend(self, tokens: int) -> None:
        """Count one call."""
        key = self._key()
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(key, "calls", 1)
            pipe.hincrby(key, "tokens", tokens)
            pipe.pexpire(key, SPENT_MS)
            pipe.execute()

    def spent(self) -> dict[str, int]:
        """Calls and tokens of today."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._key()))
        counts = {name.decode(): int(value) for name, value in found.items()}
        return {"calls": counts.get("calls", 0), "tokens": counts.get("tokens", 0)}

    def check(self) -> None:
        """Raises BudgetSpent when nothing is left for today."""
        if self.daily_tokens is not None and self.spent()["tokens"] >= self.daily_tokens:
            raise BudgetSpent(
                f"the daily budget of {self.daily_tokens} tokens (MEMORY_DAILY_TOKENS) is spent; "
                "extraction goes on at 00:00 UTC, ingestion has not stopped"
            )

    def _key(self) -> str:
        return self._keys.spent(datetime.now(UTC).date())
