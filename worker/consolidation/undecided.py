"""Users who do not come back: what waits for their next facts is decided without, when they were gone for long.

One whose decision fails again and again is given up: the facts stay beside each other, as they were written.
"""

from dataclasses import dataclass

import structlog
from redis import Redis

from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.costs.user_budget import UserBudget
from tablestore_memory.worker.failures.isolation import Failure
from tablestore_memory.worker.qwen.asked_for import Asker, asked_for
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.sessions.due import claim_due, postpone_session
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.tries import Outcome, Tries

log = structlog.get_logger()


@dataclass(frozen=True)
class Undecided:
    """Decides for one user a turn."""

    redis: Redis
    keys: Keys
    remembering: Remembering
    budget: Budget
    user_budget: UserBudget
    tries: Tries

    def claim(self, partition: int) -> str | None:
        """The user who has waited longest in a partition, if that is long enough, to be decided for now.

        Not due again for `hold_ms`. Who is over the day's budget waits for the next day. Raises BudgetSpent.
        """
        self.budget.check()
        key = self.keys.to_decide(partition)
        for name in claim_due(self.redis, due=key, hold_ms=self.hold_ms, limit=1):
            user_id = name.decode()
            wait_s = self.user_budget.wait_s(user_id)
            if wait_s is None:
                return user_id
            self.postpone(user_id, wait_s)
        return None

    @property
    def hold_ms(self) -> int:
        """No task that decides takes longer."""
        return round(self.tries.isolation.session_s * 1000)

    def is_suspect(self, user_id: str) -> bool:
        """Whether deciding for the user may have ended its worker."""
        return self.tries.attempts.is_suspect(self.partition_of(user_id), user_id.encode())

    def postpone(self, user_id: str, wait_s: float) -> None:
        """Decide for the user after `wait_s`, if there is something to decide still."""
        key = self.keys.to_decide(self.partition_of(user_id))
        postpone_session(
            self.redis, due=key, session=user_id.encode(), delay_ms=round(wait_s * 1000)
        )

    def decide(self, user_id: str) -> Outcome:
        """Decide for a user who was claimed, or see to it that it is tried again.

        Returns whether it is done. Raises Busy if another worker changes the user's memories, and
        SystemicFailure when every decision would fail; this one is tried again then, too.
        """
        asker = Asker(user_id, now_ms(self.redis))
        with asked_for(asker=asker), self.remembering.lease(user_id) as lease:
            user = WaitingUser(self, user_id, lease)
            return self._try(user) if user.waits else Outcome()

    def _try(self, user: "WaitingUser") -> Outcome:
        begun = self.tries.begin(user)
        try:
            if self.tries.are_over(user, begun):
                return Outcome()
            held = self.remembering.held(user.user_id, user.lease)
            # What a dead worker left may have said anew what is undecided: that has its own thirty days.
            return Outcome(int(user.waits and self.remembering.decide(held)))
        except Exception as error:  # noqa: BLE001 - whose fault it is, is asked
            self.tries.sort_out(user, begun, error)
            return Outcome(error=error)

    def partition_of(self, user_id: str) -> int:
        return self.keys.streams.partition(user_id)


@dataclass(frozen=True, slots=True)
class WaitingUser:
    """A user as an item that is tried, under the user's lease."""

    undecided: Undecided
    user_id: str
    lease: Lease

    @property
    def partition(self) -> int:
        return self.undecided.partition_of(self.user_id)

    @property
    def name(self) -> bytes:
        return self.user_id.encode()

    @property
    def waits(self) -> bool:
        """False once it was decided, given up or forgotten, or waits for the next facts anew."""
        redis, key = self.undecided.redis, self.undecided.keys.to_decide(self.partition)
        due_ms = redis.zscore(key, self.name)
        return due_ms is not None and due_ms <= now_ms(redis) + self.undecided.hold_ms

    def postpone(self, wait_s: float) -> None:
        self.undecided.postpone(self.user_id, wait_s)

    def tell_failed(self, failure: Failure, tries: int, wait_s: float) -> None:
        log.warning(
            "decision.failed",
            user_id=self.user_id,
            error=failure.error,
            reason=failure.reason,
            tries=tries,
            wait_s=wait_s,
        )

    def give_up(self, reason: str, error: str) -> None:
        """The facts are no longer undecided."""
        self.undecided.remembering.journal.leave_undecided(self.user_id, ())
        log.error("decision.given_up", user_id=self.user_id, error=error, reason=reason)
