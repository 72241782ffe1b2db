"""What becomes of an item whose try failed: it steps aside, is tried again, or is given up.

For items that hold up nobody, a session or a user who is decided for. Whose fault it was is asked before
(worker/failures/isolation.py); to be used under the lease that covers the item.
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
)
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts

_BUSY_S = 1.0  # another worker has what it needs
_SLOWLY_S = (2.0, 6.0)  # after a throttling or a pause, with jitter


class Item(Protocol):
    """What is tried; `name` is that in its partition's attempts."""

    @property
    def partition(self) -> int: ...

    @property
    def name(self) -> bytes: ...

    def postpone(self, wait_s: float) -> None:
        """Fall due again after `wait_s`."""

    def tell_failed(self, failure: Failure, tries: int, wait_s: float) -> None:
        """Say that it is tried again, or given up, after so many tries."""

    def give_up(self, reason: str, error: str) -> None:
        """Be due no more, and say so."""


@dataclass(frozen=True)
class Tries:
    """Counts the tries of one kind of item, and judges how they ended."""

    attempts: AttemptLog
    isolation: Isolation
    probe: Probe

    def begin(self, item: Item) -> Attempts | None:
        """Count a try that begins now. None if the item had its chances already, and is given up.

        Raises SystemicFailure if it is not its fault that they failed; it is tried again then.
        """
        begun = self.attempts.begin(item.partition, item.name)
        if not self.isolation.is_over(begun.tries - 1):
            return begun
        self._ensure_to_blame(item, begun, None)
        self._give_up(item, begun.tries - 1, begun.failure or DIED)
        return None

    def sort_out(self, item: Item, begun: Attempts, error: Exception) -> None:
        """What becomes of an item whose try failed. Raises SystemicFailure if every item would fail."""
        if isinstance(error, (Busy, Throttled, IndexBehind)):
            wait_s = _BUSY_S if isinstance(error, Busy) else random.uniform(*_SLOWLY_S)
            self._step_aside(item, begun, wait_s)
            return
        self._ensure_to_blame(item, begun, error)
        failure = Failure.of(error)
        wait_s = self.attempts.failed(item.partition, item.name, begun, failure)
        item.tell_failed(failure, begun.tries, round(wait_s, 1))
        if self.isolation.is_over(begun.tries):
            self._give_up(item, begun.tries, failure)
        else:
            item.postpone(wait_s)

    def _ensure_to_blame(self, item: Item, begun: Attempts, error: Exception | None) -> None:
        try:
            ensure_item_is_to_blame(error, self.probe)
        except SystemicFailure:
            self._step_aside(item, begun, random.uniform(*_SLOWLY_S))
            raise

    def _step_aside(self, item: Item, begun: Attempts, wait_s: float) -> None:
        self.attempts.step_aside(item.partition, item.name, begun, wait_s)
        item.postpone(wait_s)

    def _give_up(self, item: Item, tries: int, failure: Failure) -> None:
        reason = f"{tries} tries failed, the last with {failure.error}: {failure.reason}"
        item.give_up(reason, failure.error)
        self.attempts.forget(item.partition, item.name)
