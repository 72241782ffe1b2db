"""Tokens that one user may cost in a day: then that user's extraction waits for the next one, and nobody else's.

A turn at a session that was begun is ended, so a day may cost a little more. What a user asks to be
remembered by name is done all the same.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from redis import Redis

from tablestore_memory.worker.costs.ledger import Ledger, today
from tablestore_memory.worker.state.keys import SPENT_MS, Keys

_SPREAD_S = 60.0
"""Those who wait must not come back as one."""
log = structlog.get_logger()


@dataclass(frozen=True)
class UserBudget:
    """`daily_tokens` None: no limit."""

    redis: Redis
    keys: Keys
    ledger: Ledger
    daily_tokens: int | None

    def wait_s(self, user_id: str) -> float | None:
        """How long the user's sessions have to wait; None if they may go on."""
        if self.daily_tokens is None or self.ledger.tokens_today(user_id) < self.daily_tokens:
            return None
        wait_s = _until_tomorrow_s() + random.uniform(0, _SPREAD_S)
        self._note(user_id)
        log.info("user.over_budget", user_id=user_id, wait_s=round(wait_s))
        return wait_s

    def _note(self, user_id: str) -> None:
        """Counted without keeping who it is."""
        key = self.keys.over_budget(today())
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.pfadd(key, user_id)
            pipe.pexpire(key, SPENT_MS)
            pipe.execute()


def users_over_budget(redis: Redis, keys: Keys) -> int:
    """How many users wait for tomorrow; about, where they are thousands."""
    return int(redis.pfcount(keys.over_budget(today())))


def _until_tomorrow_s() -> float:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()
