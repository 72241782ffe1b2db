"""What users asked for by name: remember this, forget that. One at a time for each partition, a user's in order.

Ingestion moves such events to the stream `requests` when everything published before them is stored. What
has to wait, waits alone: the requests of other users go on, and to forget overtakes all, as it needs no model
and is decided by when it was received. One that keeps failing is set aside (worker/failures/isolation.py).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import structlog
from redis import Redis
from redis.exceptions import RedisError

from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import Event, Forget, Remember, decode, encode
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.failures.errors import (
    Busy,
    Final,
    IndexBehind,
    LeaseLost,
    SystemicFailure,
    Throttled,
)
from tablestore_memory.worker.failures.isolation import (
    DIED,
    Failure,
    Isolation,
    Probe,
    ensure_item_is_to_blame,
)
from tablestore_memory.worker.forget import Forgetting
from tablestore_memory.worker.forget.in_flight import pair_of
from tablestore_memory.worker.requests.carry_out import carry_out, without_secrets
from tablestore_memory.worker.state.attempts import AttemptLog, Attempts
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.dead_letters import REQUESTS, DeadLetters
from tablestore_memory.worker.state.entries import StreamEntry, oldest
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.scripts import script

_LOOKED_AT = 1_000  # entries: those that wait stand in front of those that may go on
# Requests and seconds: far below what ends a turn that hangs, as that counts as a try.
_A_TURN, _TURN_S = 50, 10.0
_ASIDE_S = 1.0  # for somebody else's lease, or a service that asks to slow down
log = structlog.get_logger()


@script
def settle_request(
    redis: Redis, *, lease: str, requests: str, tries: str, token: str, entry: str
) -> int: ...


@dataclass(frozen=True)
class Requests:
    """The collaborators of a turn at the requests of a partition."""

    redis: Redis
    streams: Streams
    remembering: Remembering
    forgetting: Forgetting
    dead: DeadLetters
    attempts: AttemptLog
    isolation: Isolation
    probe: Probe
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class _Request:
    entry: StreamEntry
    event: Event | MalformedEvent

    @property
    def item(self) -> bytes:
        return self.entry.entry_id.encode()

    @property
    def line(self) -> str | None:
        """The user whose requests are done in their order; to forget overtakes, what is malformed is nobody's."""
        return None if isinstance(self.event, (Forget, MalformedEvent)) else self.event.user_id


def process_requests(step: Requests, partition: int) -> int:
    """Do what was asked in a partition, and may be done now. Returns how many requests were settled.

    Raises Busy if another worker is at it, SystemicFailure if no request could be done.
    """
    settled, ends = 0, step.monotonic() + _TURN_S
    halted: set[str] = set()  # lines in which a request was not done in this turn
    with Lease(step.redis, Keys(step.streams).requests_lease(partition)) as lease:
        for request in islice(_in_turn(step, partition), _A_TURN):
            if step.monotonic() > ends:
                break
            if request.line in halted:
                continue
            lease.ensure_held()
            if _attempt(step, partition, lease, request):
                _take_off(step, partition, lease, request)
                settled += 1
            elif request.line:
                halted.add(request.line)
    return settled


def _in_turn(step: Requests, partition: int) -> Iterator[_Request]:
    """To forget first, then what is new, then what failed before; nothing before the same user's older one."""
    entries = oldest(step.redis, Keys(step.streams).requests(partition), _LOOKED_AT)
    requests = [_Request(entry, _event(entry.raw)) for entry in entries]
    tried, now = step.attempts.all(partition), now_ms(step.redis)
    ready: list[_Request] = []
    halted: set[str] = set()
    for request in requests:
        attempts = tried.get(request.item)
        if request.line not in halted and (attempts is None or attempts.next_ms <= now):
            ready.append(request)
        if attempts is not None and request.line:
            halted.add(request.line)
    yield from sorted(ready, key=lambda r: (not isinstance(r.event, Forget), r.item in tried))


def _event(raw: bytes) -> Event | MalformedEvent:
    try:
        return decode(raw)
    except MalformedEvent as error:
        return error


def _attempt(step: Requests, partition: int, lease: Lease, request: _Request) -> bool:
    """One try. True if the request is settled: done, or set aside with its reason."""
    begun = step.attempts.begin(partition, request.item)
    try:
        if _is_over(step, begun):
            ensure_item_is_to_blame(None, step.probe)
            return _set_aside(step, partition, request, begun.failure or DIED)
        _execute(step, request)
        return True
    except RedisError:
        raise
    except Exception as error:  # noqa: BLE001 - what becomes of it is sorted out by class
        lease.ensure_held()
        return _sort_out(step, partition, request, begun, error)


def _sort_out(
    step: Requests, partition: int, request: _Request, begun: Attempts, error: Exception
) -> bool:
    """What becomes of a request that was not done: see `_attempt`. Raises SystemicFailure."""
    if isinstance(error, (Final, MalformedEvent)):
        return _set_aside(step, partition, request, Failure.of(error))
    if isinstance(error, (Busy, Throttled, IndexBehind, SystemicFailure)):
        step.attempts.step_aside(partition, request.item, begun, _ASIDE_S)
        if isinstance(error, SystemicFailure):
            raise error
        return False
    return _failed(step, partition, request, begun, error)


def _failed(
    step: Requests, partition: int, request: _Request, begun: Attempts, error: Exception
) -> bool:
    try:
        ensure_item_is_to_blame(error, step.probe)
    except SystemicFailure:
        step.attempts.step_aside(partition, request.item, begun, _ASIDE_S)
        raise
    failure = Failure.of(error)
    wait_s = step.attempts.failed(partition, request.item, begun, failure)
    log.warning(
        "request.failed",
        entry_id=request.entry.entry_id,
        error=failure.error,
        reason=failure.reason,
        tries=begun.tries,
        wait_s=wait_s,
    )
    return False


def _is_over(step: Requests, begun: Attempts) -> bool:
    troubled_ms = step.attempts.troubled_ms(begun)
    return step.isolation.is_over(begun.tries - 1, begun.failure, troubled_ms)


def _set_aside(step: Requests, partition: int, request: _Request, failure: Failure) -> bool:
    if _is_forgotten(step, request):
        return True
    step.dead.add(
        partition,
        event=_masked(request),
        reason=failure.reason,
        queue=REQUESTS,
        error=failure.error,
        received_ms=request.entry.received_ms,
    )
    log.warning("request.dead", entry_id=request.entry.entry_id, reason=failure.reason)
    return True


def _is_forgotten(step: Requests, request: _Request) -> bool:
    """A dead letter holds what was said: none is left of somebody who was forgotten since."""
    event = None if isinstance(request.event, MalformedEvent) else request.event
    pair, tombstones = pair_of(request.entry, event), step.remembering.tombstones
    return pair is not None and tombstones.covers(*pair, request.entry.received_ms)


def _take_off(step: Requests, partition: int, lease: Lease, request: _Request) -> None:
    settled = settle_request(
        step.redis,
        lease=lease.key,
        requests=Keys(step.streams).requests(partition),
        tries=step.attempts.key(partition),
        token=lease.token,
        entry=request.entry.entry_id,
    )
    if settled < 0:
        raise LeaseLost(lease.key)


def _execute(step: Requests, request: _Request) -> None:
    if isinstance(request.event, MalformedEvent):
        raise request.event
    received_ms = request.entry.received_ms
    carry_out(step.remembering, step.forgetting, request.event, received_ms)


def _masked(request: _Request) -> bytes:
    """An event for the dead letters: they are listed, so no secret goes there."""
    event = request.event
    if isinstance(event, Remember):
        return encode(without_secrets(event))
    return request.entry.raw
