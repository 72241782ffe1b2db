"""The calls of a day, booked in Redis as they are made: once each, whatever dies afterwards.

By owner, a user or everybody together, so that totals stay true when a user is forgotten. Rows of Tablestore are
made from these sums (worker/costs/booking.py), so writing one twice changes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

import msgspec
import structlog
from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.costs.unbooked import CostOf, name_of
from tablestore_memory.worker.qwen.asked_for import Asker
from tablestore_memory.worker.qwen.usage import Usage
from tablestore_memory.worker.state.keys import SPENT_MS, Keys
from tablestore_memory.worker.state.scripts import script
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.costs import EVERYBODY, Spent

BATCHED_MS = 10_000
"""So long calls gather before a row is written."""
_KEPT_DAYS = 4
"""Of which a key may still be there: a clock may be a day off."""
log = structlog.get_logger()


@script
def book_call(
    redis: Redis,
    *,
    cost: str,
    unbooked: str,
    name: bytes,
    delay_ms: int,
    kept_ms: int,
    amounts: list[object],
) -> None: ...


def today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Ledger:
    redis: Redis
    keys: Keys
    tombstones: Tombstones

    def book(self, model: str, purpose: str, asker: Asker, usage: Usage) -> None:
        """Book one call. It was made and is paid: where Redis is away, that is said, and the work goes on.

        What is done for a user who was forgotten meanwhile counts in the totals alone.
        """
        day = today()
        try:
            with self.redis.pipeline(transaction=False) as pipe:
                for owner in {EVERYBODY, asker.user_id or EVERYBODY}:
                    self._book(pipe, day, owner, model, purpose, usage)
                pipe.execute()
            if asker.user_id and self.tombstones.covers(asker.user_id, None, asker.since_ms):
                self.forget(asker.user_id)
        except (*REDIS_ERRORS, OSError) as error:
            log.warning("cost.unbooked", model=model, purpose=purpose, error=type(error).__name__)

    def tokens_today(self, user_id: str) -> int:
        tokens = self.redis.hget(self.keys.cost(today(), user_id), "tokens")
        return int(cast(bytes | None, tokens) or 0)

    def spent(self, day: date, owner: str) -> tuple[int, list[Spent]]:
        """Calls of the day, and what they used by model and purpose."""
        found = cast(dict[bytes, bytes], self.redis.hgetall(self.key(day, owner)))
        sums: dict[tuple[str, str], Spent] = {}
        for field, amount in found.items():
            if field not in (b"calls", b"tokens"):
                model, purpose, what = msgspec.json.decode(field, type=tuple[str, str, str])
                spent = sums.setdefault((model, purpose), Spent(model, purpose))
                setattr(spent, what, int(amount))
        return int(found.get(b"calls", 0)), list(sums.values())

    def forget(self, user_id: str) -> None:
        """What Redis holds of a user's days; the totals stay."""
        unbooked = self.keys.unbooked(self.keys.streams.partition(user_id))
        for day in (today() + timedelta(days=1 - n) for n in range(_KEPT_DAYS + 1)):
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.delete(self.keys.cost(day, user_id))
                pipe.zrem(unbooked, name_of(CostOf(str(day), user_id)))
                pipe.execute()

    def key(self, day: date, owner: str) -> str:
        """Where the sums of an owner's day stand."""
        return self.keys.cost(day, owner) if owner else self.keys.cost_of_all(day)

    def _book(
        self, redis: Redis, day: date, owner: str, model: str, purpose: str, usage: Usage
    ) -> None:
        used = {"calls": 1, "input": usage.input, "output": usage.output, "cached": usage.cached}
        amounts: list[object] = ["calls", 1, "tokens", usage.total]
        for what, amount in used.items():
            amounts += msgspec.json.encode((model, purpose, what)), amount
        book_call(
            redis,
            cost=self.key(day, owner),
            unbooked=self.keys.unbooked(self.keys.streams.partition(owner)),
            name=name_of(CostOf(str(day), owner)),
            delay_ms=BATCHED_MS,
            kept_ms=SPENT_MS,
            amounts=amounts,
        )
