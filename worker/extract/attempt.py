"""One try at a session: done, again later, or given up with a dead letter. Raises only what stops everyone."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.extract.session import Extract, about_messages
from tablestore_memory.worker.failures.errors import Busy, IndexBehind, SystemicFailure, Throttled
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
)
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.dead_letters import EXTRACT
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease, Leases

_HELD_S = 6.0  # another worker has the session; if it died, its lease has run out by then
_BUSY_S = 1.0  # another worker has the user
_SLOWLY_S = (2.0, 6.0)  # after a throttling or a pause, with jitter
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many chunks of the session were extracted, or what kept it from being done."""

    chunks: int = 0
    error: Exception | None = None


@dataclass(frozen=True)
class Attempt:
    """The collaborators of a try; after `turn_s` a long session gives its place to another between two chunks."""

    extraction: Extract
    leases: Leases
    attempts: AttemptLog
    isolation: Isolation
    probe: Probe
    monotonic: Callable[[], float] = time.monotonic
    turn_s: float = 30.0

    def run(self, user_id: str, session_id: str) -> Outcome:
        """Extract what waits in a session, or see to it that it is tried again.

        Raises SystemicFailure when every session would fail; this one is tried again then, too.
        """
        key = Keys(self.extraction.streams).session_lease(user_id, session_id)
        try:
            with self.leases.lease(key) as lease:
                return self._try(user_id, session_id, lease)
        except Busy as error:
            self.extraction.due.postpone(user_id, session_id, _HELD_S)
            return Outcome(error=error)

    def _try(self, user_id: str, session_id: str, lease: Lease) -> Outcome:
        partition = self.extraction.streams.partition(session_id)
        item, chunks = member(user_id, session_id), 0
        begun = self.attempts.begin(partition, item)
        try:
            if self.isolation.is_over(begun.tries - 1):
                self._give_up(user_id, session_id, begun.tries - 1, begun.failure or DIED)
                return Outcome()
            ends = self.monotonic() + self.turn_s
            for chunks, more in enumerate(self.extraction.run(user_id, session_id, lease), 1):
                if more:  # a chunk is done: what follows starts anew
                    self.attempts.forget(partition, item)
                if more and self.monotonic() > ends:
                    self.extraction.due.postpone(user_id, session_id, 0)
                    return Outcome(chunks)
                if more:
                    begun = self.attempts.begin(partition, item)
            self.attempts.forget(partition, item)
            return Outcome(chunks)
        except Exception as error:  # noqa: BLE001 - whose fault it is, is asked
            # Without the lease the session is another's, or forgotten: nothing of it may be noted any more.
            if lease.is_held:
                self._sort_out(user_id, session_id, begun, error)
            return Outcome(chunks, error)

    def _sort_out(self, user_id: str, session_id: str, begun: Attempts, error: Exception) -> None:
        if not isinstance(error, (Busy, Throttled, IndexBehind)):
            self._failed(user_id, session_id, begun, error)
            return
        wait_s = _BUSY_S if isinstance(error, Busy) else random.uniform(*_SLOWLY_S)
        self._step_aside(user_id, session_id, begun, wait_s)

    def _step_aside(self, user_id: str, session_id: str, begun: Attempts, wait_s: float) -> None:
        partition = self.extraction.streams.partition(session_id)
        self.attempts.step_aside(partition, member(user_id, session_id), begun, wait_s)
        self.extraction.due.postpone(user_id, session_id, wait_s)

    def _failed(self, user_id: str, session_id: str, begun: Attempts, error: Exception) -> None:
        try:
            ensure_item_is_to_blame(error, self.probe)
        except SystemicFailure:
            self._step_aside(user_id, session_id, begun, random.uniform(*_SLOWLY_S))
            raise
        failure = Failure.of(error)
        partition = self.extraction.streams.partition(session_id)
        wait_s = self.attempts.failed(partition, member(user_id, session_id), begun, failure)
        log.warning(
            "session.failed",
            session_id=session_id,
            error=failure.error,
            reason=failure.reason,
            tries=begun.tries,
            wait_s=round(wait_s, 1),
        )
        if self.isolation.is_over(begun.tries):
            self._give_up(user_id, session_id, begun.tries, failure)
        else:
            self.extraction.due.postpone(user_id, session_id, wait_s)

    def _give_up(self, user_id: str, session_id: str, tries: int, failure: Failure) -> None:
        """Its messages stay unextracted, where they are; the letter says so."""
        ensure_item_is_to_blame(None, self.probe)
        extraction, item = self.extraction, member(user_id, session_id)
        partition = extraction.streams.partition(session_id)
        if extraction.due.waits(user_id, session_id):  # else it was forgotten meanwhile
            reason = f"{tries} tries failed, the last with {failure.error}: {failure.reason}"
            extraction.dead.add(
                partition,
                event=about_messages(user_id, session_id),
                reason=reason,
                queue=EXTRACT,
                error=failure.error,
            )
            extraction.due.give_up(user_id, session_id, reason)
            log.error("session.given_up", session_id=session_id, reason=reason)
        self.attempts.forget(partition, item)
