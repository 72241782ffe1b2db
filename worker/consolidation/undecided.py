"""Users who do not come back: what waits for their next facts is decided without, when they were gone for long."""

from dataclasses import dataclass

from redis import Redis

from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.costs.user_budget import UserBudget
from tablestore_memory.worker.qwen.asked_for import Asker, asked_for
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import claim_due
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import MINUTE, Keys

_AGAIN_MS = 10 * MINUTE
"""A user who was taken and not decided on is taken again after this time; the others have their turn before."""


@dataclass(frozen=True)
class Undecided:
    """Decides for one user a turn."""

    redis: Redis
    keys: Keys
    remembering: Remembering
    budget: Budget
    user_budget: UserBudget

    def decide(self, partition: int) -> int:
        """Decide for the user who has waited longest in a partition, if that is long enough. Returns how many rows
        were written.

        Raises what `Remembering.decide` raises, and BudgetSpent.
        """
        self.budget.check()
        key = self.keys.to_decide(partition)
        changes = 0
        for name in claim_due(self.redis, due=key, hold_ms=_AGAIN_MS, limit=1):
            user_id = name.decode()
            if self.user_budget.wait_s(user_id) is None:
                with asked_for(asker=Asker(user_id, now_ms(self.redis))):
                    changes += self.remembering.decide(user_id)
        return changes
