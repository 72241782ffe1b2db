"""Whose fault a failure is, and for how long what fails may hold up what stands behind it.

From inside a step, one odd event and a service that is down look alike. So before anything is set aside, the
service is asked something trivial. If it fails at that too, the failure would meet everyone: the queue pauses
and keeps its work. If it answers, the item is at fault: it is tried alone a few times, then set aside with its
reason. docs/failures.md has the whole table.
"""

from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import DataError, ResponseError

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.worker.failures.errors import (
    Retryable,
    ServiceFails,
    SystemicFailure,
    WorkerError,
)

Probe = Callable[[], None]
"""Ask a service something trivial. Raises what it answers instead."""


_LEASE_S = 6
"""What a killed holder's lease still lasts (worker/state/lease.py)."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """The bound in seconds, and what follows from it: tries, and when a step that hangs is ended."""

    bound_s: float = 60
    attempts: int = 6
    """Tries of a request or a session. Nothing stands behind them for longer than one turn."""

    HEAD_TRIES = 2
    """Tries alone of an entry that others stand behind, after one in their company."""

    @property
    def drain_s(self) -> float:
        """After this a drain that hangs is killed: three such tries and three leases are within the bound."""
        return (self.bound_s - 3 * _LEASE_S) / 3.5

    @property
    def turn_s(self) -> float:
        """After this a turn at requests that hangs is killed: it is one, then others go first."""
        return (self.bound_s - _LEASE_S) * 0.9

    @property
    def session_s(self) -> float:
        """After this an extraction that hangs is killed: it takes a place in the pool, and holds up nobody."""
        return 2 * self.bound_s

    def is_over(self, tries: int) -> bool:
        """Whether an item that holds up nobody, and began so many tries, has had its chances."""
        return tries >= self.attempts

    def is_over_at_head(self, tries: int, failure: "Failure | None", troubled_ms: int) -> bool:
        """The same of one at the head of a stream, which held it up for so long; no failure is a killed worker.

        Its tries are few and soon. What may pass by itself (Retryable) has as many as others and half the bound:
        a service that answers now and then is not the item's fault.
        """
        if failure is None or not failure.retryable:
            return tries >= self.HEAD_TRIES
        return self.is_over(tries) and troubled_ms >= self.bound_s * 1000 / 2


@dataclass(frozen=True, slots=True)
class Failure:
    """What a try ended with, as it may be kept and shown: never what a library says about the item."""

    error: str
    reason: str
    retryable: bool

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        kind = type(error).__name__
        ours = isinstance(error, (WorkerError, MalformedEvent))
        return cls(kind, str(error) if ours else kind, isinstance(error, Retryable))


OVERRAN = "SoftTimeLimitExceeded"
"""The failure of a try that was told to end: its name in billiard."""

DIED = Failure("WorkerDied", "its worker died each time", retryable=False)


def is_redis_away(error: BaseException) -> bool:
    """Whether it is Redis that failed, and would have failed for anybody: it was away, full or a replica.

    What it refuses without such a reason may be the item's, and so may what cannot be sent to it at all.
    """
    return isinstance(error, REDIS_ERRORS) and type(error) not in (ResponseError, DataError)


def ensure_item_is_to_blame(error: Exception | None, probe: Probe) -> None:
    """Return if the service answers something trivial: then the failure is the item's.

    Raises SystemicFailure if it does not, from `error`.
    """
    if isinstance(error, SystemicFailure):
        raise error
    try:
        probe()
    except SystemicFailure:
        raise
    except Exception as reason:  # noqa: BLE001 - it is told, under the name of what it means
        raise ServiceFails(
            f"fails at something trivial too: {Failure.of(reason).reason}"
        ) from error
