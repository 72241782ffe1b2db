"""One try at a session: done, again later, or given up with a dead letter. Raises only what stops everyone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.extract.session import Extract, about_messages
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.failures.isolation import Failure
from tablestore_memory.worker.sessions.due import member
from tablestore_memory.worker.state.dead_letters import EXTRACT
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease, Leases
from tablestore_memory.worker.state.tries import Outcome, Tries

_HELD_S = 6.0  # another worker has the session; if it died, its lease has run out by then
log = structlog.get_logger()


@dataclass(frozen=True)
class Attempt:
    """The collaborators of a try; after `turn_s` a long session gives its place to another between two chunks."""

    extraction: Extract
    leases: Leases
    tries: Tries
    monotonic: Callable[[], float] = time.monotonic
    turn_s: float = 30.0

    def run(self, user_id: str, session_id: str) -> Outcome:
        """Extract what waits in a session, or see to it that it is tried again. Returns how many chunks are done.

        Raises SystemicFailure when every session would fail; this one is tried again then, too.
        """
        key = Keys(self.extraction.streams).session_lease(user_id, session_id)
        session = DueSession(self.extraction, user_id, session_id, self.leases.lease(key))
        try:
            with session.lease:
                return self._try(session)
        except Busy as error:
            session.postpone(_HELD_S)
            return Outcome(error=error)

    def _try(self, session: "DueSession") -> Outcome:
        attempts, partition, name = self.tries.attempts, session.partition, session.name
        begun, chunks = self.tries.begin(session), 0
        try:
            if self.tries.are_over(session, begun):
                return Outcome()
            ends = self.monotonic() + self.turn_s
            for chunks, more in enumerate(session.extract(), 1):
                if more:  # a chunk is done: what follows starts anew
                    attempts.forget(partition, name)
                if more and self.monotonic() > ends:
                    session.postpone(0)
                    return Outcome(chunks)
                if more:
                    begun = self.tries.begin(session)
            attempts.forget(partition, name)
            return Outcome(chunks)
        except Exception as error:  # noqa: BLE001 - whose fault it is, is asked
            self.tries.sort_out(session, begun, error)
            return Outcome(chunks, error)


@dataclass(frozen=True, slots=True)
class DueSession:
    """A session as an item that is tried, under its lease."""

    extraction: Extract
    user_id: str
    session_id: str
    lease: Lease

    @property
    def partition(self) -> int:
        return self.extraction.streams.partition(self.session_id)

    @property
    def name(self) -> bytes:
        return member(self.user_id, self.session_id)

    def extract(self) -> Iterator[bool]:
        return self.extraction.run(self.user_id, self.session_id, self.lease)

    def postpone(self, wait_s: float) -> None:
        self.extraction.due.postpone(self.user_id, self.session_id, wait_s)

    def tell_failed(self, failure: Failure, tries: int, wait_s: float) -> None:
        log.warning(
            "session.failed",
            session_id=self.session_id,
            error=failure.error,
            reason=failure.reason,
            tries=tries,
            wait_s=wait_s,
        )

    def give_up(self, reason: str, error: str) -> None:
        """Its messages stay unextracted, where they are; the letter says so."""
        due, about = self.extraction.due, (self.user_id, self.session_id)
        if not due.waits(*about):  # it was forgotten meanwhile
            return
        self.extraction.dead.add(
            self.partition,
            event=about_messages(*about),
            reason=reason,
            queue=EXTRACT,
            error=error,
        )
        due.give_up(*about, reason)
        log.error("session.given_up", session_id=self.session_id, reason=reason)
