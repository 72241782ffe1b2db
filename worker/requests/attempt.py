"""One try at a request: done, to be tried again, or set aside with its reason (worker/failures/isolation.py)."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import EditMemory, Event, Forget, Remember, decode, encode
from tablestore_memory.worker.failures.errors import (
    Busy,
    Final,
    IndexBehind,
    SystemicFailure,
    Throttled,
)
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
    is_redis_away,
)
from tablestore_memory.worker.requests.carry_out import RequestWork, without_secrets
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.dead_letters import REQUESTS, DeadLetters
from tablestore_memory.worker.state.entries import StreamEntry
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.tombstones import Tombstones, pair_of

_ASIDE_S = 1.0  # for somebody else's lease, or a service that asks to slow down
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """An entry of the requests of a partition, with what it asks for."""

    partition: int
    entry: StreamEntry
    event: Event | MalformedEvent

    @classmethod
    def of(cls, partition: int, entry: StreamEntry) -> "Request":
        try:
            return cls(partition, entry, decode(entry.raw))
        except MalformedEvent as error:
            return cls(partition, entry, error)

    @property
    def item(self) -> bytes:
        return self.entry.entry_id.encode()

    @property
    def line(self) -> str | None:
        """The user whose requests are done in their order; to forget overtakes, what is malformed is nobody's."""
        return None if isinstance(self.event, (Forget, MalformedEvent)) else self.event.user_id


@dataclass(frozen=True)
class RequestAttempt:
    """Does the work of one request, and decides what becomes of it when that fails."""

    work: RequestWork
    tombstones: Tombstones
    dead: DeadLetters
    attempts: AttemptLog
    isolation: Isolation
    probe: Probe

    def settle(self, request: Request, lease: Lease, take_off: Callable[[], None]) -> bool:
        """True if the request is settled: done, or set aside, and taken off. False if it is to be tried again.

        Raises SystemicFailure if every request would fail, LeaseLost, and what Redis does when it is away.
        """
        begun = self.attempts.begin(request.partition, request.item)
        try:
            if settled := self._is_settled(request, begun, lease):
                take_off()
            return settled
        except Exception as error:
            if is_redis_away(error) or lease.lost_with_redis:
                self._step_aside(request, begun)
            raise

    def _is_settled(self, request: Request, begun: Attempts, lease: Lease) -> bool:
        try:
            if self.isolation.is_over(begun.tries - 1):
                ensure_item_is_to_blame(None, self.probe)
                return self._set_aside(request, begun.failure or DIED)
            self._do(request)
            return True
        except Exception as error:
            if is_redis_away(error):
                raise
            lease.ensure_held()
            return self._sort_out(request, begun, error)

    def _do(self, request: Request) -> None:
        if isinstance(request.event, MalformedEvent):
            raise request.event
        self.work.carry_out(request.event, request.entry.received_ms)

    def _sort_out(self, request: Request, begun: Attempts, error: Exception) -> bool:
        """What becomes of a request that was not done: see `settle`. Raises SystemicFailure."""
        if isinstance(error, (Final, MalformedEvent)):
            return self._set_aside(request, Failure.of(error))
        if isinstance(error, (Busy, Throttled, IndexBehind)):
            self._step_aside(request, begun)
            return False
        try:
            ensure_item_is_to_blame(error, self.probe)
        except SystemicFailure:
            self._step_aside(request, begun)
            raise
        return self._failed(request, begun, Failure.of(error))

    def _step_aside(self, request: Request, begun: Attempts) -> None:
        self.attempts.step_aside(request.partition, request.item, begun, _ASIDE_S)

    def _failed(self, request: Request, begun: Attempts, failure: Failure) -> bool:
        wait_s = self.attempts.failed(request.partition, request.item, begun, failure)
        log.warning(
            "request.failed",
            entry_id=request.entry.entry_id,
            error=failure.error,
            reason=failure.reason,
            tries=begun.tries,
            wait_s=wait_s,
        )
        return False

    def _set_aside(self, request: Request, failure: Failure) -> bool:
        if self._is_forgotten(request):
            return True
        self.dead.add(
            request.partition,
            event=_masked(request),
            reason=failure.reason,
            queue=REQUESTS,
            error=failure.error,
            received_ms=request.entry.received_ms,
        )
        log.warning("request.dead", entry_id=request.entry.entry_id, reason=failure.reason)
        return True

    def _is_forgotten(self, request: Request) -> bool:
        """A dead letter holds what was said: none is left of somebody who was forgotten since."""
        event = None if isinstance(request.event, MalformedEvent) else request.event
        pair = pair_of(request.entry, event)
        return pair is not None and self.tombstones.covers(*pair, request.entry.received_ms)


def _masked(request: Request) -> bytes:
    """An event for the dead letters: they are listed, so no secret goes there."""
    event = request.event
    if isinstance(event, Remember):
        return encode(without_secrets(event))
    if isinstance(event, EditMemory):
        return encode(replace(event, text=event.text and masked(event.text)))
    return request.entry.raw
