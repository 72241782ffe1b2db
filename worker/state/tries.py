"""What becomes of an item whose try failed: it steps aside, is tried again, or is given up.

For items that hold up nobody, a session or a user who is decided for. Whose fault it was is asked before
(worker/failures/isolation.py). The lease that covers the item is asked before anything is noted of it: without
it the item is another worker's, or forgotten.
"""

import random
from dataclasses import dataclass
from typing import Protocol

from tablestore_memory.worker.failures.errors import Busy, IndexBehind, SystemicFailure, Throttled
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
    is_redis_away,
)
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.lease import Lease

_BUSY_S = 1.0  # another worker has what it needs
_SLOWLY_S = (2.0, 6.0)  # after a throttling, a pause or a failure of Redis, with jitter


class Item(Protocol):
    """What is tried; `name` is that in its partition's attempts."""

    @property
    def partition(self) -> int: ...

    @property
    def name(self) -> bytes: ...

    @property
    def lease(self) -> Lease: ...

    def postpone(self, wait_s: float) -> None:
        """Fall due again after `wait_s`."""

    def tell_failed(self, failure: Failure, tries: int, wait_s: float) -> None:
        """Say that it is tried again, or given up, after so many tries."""

    def give_up(self, reason: str, error: str) -> None:
        """Be due no more, and say so."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How much of an item was done, or what kept it from being done."""

    done: int = 0
    error: Exception | None = None


@dataclass(frozen=True)
class Tries:
    """Counts the tries of one kind of item, and judges how they ended."""

    attempts: AttemptLog
    isolation: Isolation
    probe: Probe

    def begin(self, item: Item) -> Attempts:
        """Count a try that begins now. Raises LeaseLost."""
        item.lease.ensure_held()
        return self.attempts.begin(item.partition, item.name)

    def are_over(self, item: Item, begun: Attempts) -> bool:
        """Whether the item had its chances before this try, and is given up now.

        Part of the try: what it raises is to be sorted out, as SystemicFailure if the item was not to blame.
        """
        if not self.isolation.is_over(begun.tries - 1):
            return False
        ensure_item_is_to_blame(None, self.probe)
        self._give_up(item, begun.tries - 1, begun.failure or DIED)
        return True

    def sort_out(self, item: Item, begun: Attempts, error: Exception) -> None:
        """What becomes of an item whose try failed. Raises SystemicFailure if every item would fail."""
        if isinstance(error, (Busy, Throttled, IndexBehind)) or is_redis_away(error):
            wait_s = _BUSY_S if isinstance(error, Busy) else random.uniform(*_SLOWLY_S)
            self._step_aside(item, begun, wait_s)
            return
        try:
            ensure_item_is_to_blame(error, self.probe)
        except SystemicFailure:
            self._step_aside(item, begun, random.uniform(*_SLOWLY_S))
            raise
        self._failed(item, begun, Failure.of(error))

    def _step_aside(self, item: Item, begun: Attempts, wait_s: float) -> None:
        if item.lease.is_held or item.lease.lost_with_redis:
            self.attempts.step_aside(item.partition, item.name, begun, wait_s)
        if item.lease.is_held:
            item.postpone(wait_s)

    def _failed(self, item: Item, begun: Attempts, failure: Failure) -> None:
        if not item.lease.is_held:
            return
        wait_s = self.attempts.failed(item.partition, item.name, begun, failure)
        item.tell_failed(failure, begun.tries, round(wait_s, 1))
        if self.isolation.is_over(begun.tries):
            self._give_up(item, begun.tries, failure)
        else:
            item.postpone(wait_s)

    def _give_up(self, item: Item, tries: int, failure: Failure) -> None:
        if item.lease.is_held:
            reason = f"{tries} tries failed, the last with {failure.error}: {failure.reason}"
            item.give_up(reason, failure.error)
            self.attempts.forget(item.partition, item.name)
