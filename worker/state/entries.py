"""Entries of a stream as the worker reads them: id and event, oldest first, and what is in flight.

`take` counts how often the same front was taken without being settled, and what kept it from that: a worker
that dies leaves the count behind. A batch that failed once is taken apart, entry by entry; a lone entry that
had its chances is for the caller to set aside (worker/failures/isolation.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, WAITED_FIELD
from tablestore_memory.worker.failures.errors import LeaseLost
from tablestore_memory.worker.failures.isolation import Failure
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.owed import Owed
from tablestore_memory.worker.state.scripts import script

_PAGE = 200
_DIGITS = 20  # of the greatest time that an id of a stream can hold


class StreamEntry(msgspec.Struct, frozen=True, gc=False):
    """One event as it came. `received_ms` is when it was published, by Redis' clock: a publisher's own may
    be wrong, but how long it held an event it can tell."""

    entry_id: str
    raw: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class InFlight:
    """The front of a stream, and how often it was taken since it was last settled, this time included.

    `failure` is what the last try ended with, None for a worker that died; `troubled_ms` is for how long this
    front, or what stood before it, has kept the stream from moving.
    """

    entries: list[StreamEntry]
    tries: int
    failure: Failure | None = None
    troubled_ms: int = 0

    @property
    def is_alone(self) -> bool:
        return len(self.entries) == 1


@script
def take_entries(
    redis: Redis, *, lease: str, events: str, in_flight: str, token: str, count: int
) -> tuple[int, list[Any], bytes, int]: ...


@script
def give_back_try(redis: Redis, *, in_flight: str, first: str) -> int: ...


def take(redis: Redis, lease: Lease, events: str, in_flight: str, count: int) -> InFlight:
    """The oldest entries, up to `count`. Raises LeaseLost."""
    tries, found, failure, troubled_ms = take_entries(
        redis,
        lease=lease.key,
        events=events,
        in_flight=in_flight,
        token=lease.token,
        count=count,
    )
    if tries < 0:
        raise LeaseLost(lease.key)
    entries = [_entry(name.decode(), fields) for name, fields in found]
    return InFlight(entries, tries, _failure(failure), troubled_ms)


def note_failure(redis: Redis, in_flight: str, failure: Failure) -> None:
    """What kept the front from being settled: its own fault, it seems."""
    redis.hset(in_flight, "failure", msgspec.msgpack.encode(failure))


def give_back(redis: Redis, in_flight: str, taken: InFlight, owed: Owed) -> None:
    """This try ended through nobody's fault: it does not count. Owed if Redis is away."""
    with suppress(*REDIS_ERRORS):  # what ended it counts more
        owed.note(
            partial(give_back_try, redis, in_flight=in_flight, first=taken.entries[0].entry_id)
        )


@contextmanager
def giving_back(redis: Redis, in_flight: str, taken: InFlight, owed: Owed) -> Iterator[None]:
    """What is raised within is not the front's fault, nor may it have been before: no try of it counts."""
    try:
        yield
    except BaseException:
        try:
            redis.hset(in_flight, "tries", 0)
        except REDIS_ERRORS:  # the first error counts
            give_back(redis, in_flight, taken, owed)
        raise


def _failure(packed: bytes) -> Failure | None:
    return msgspec.msgpack.decode(packed, type=Failure) if packed else None


def oldest(redis: Redis, stream: str, count: int) -> list[StreamEntry]:
    """Up to `count` entries from the front; an entry without an event is an empty one."""
    return [_entry_of(name, fields) for name, fields in _range(redis, stream, "-", count)]


def every(redis: Redis, stream: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """All entries with their fields, page by page; what is added meanwhile may come too."""
    start = "-"
    while page := _range(redis, stream, start, _PAGE):
        yield from page
        start = f"({page[-1][0]}"


def one(redis: Redis, stream: str, entry_id: str) -> dict[bytes, bytes] | None:
    """The fields of one entry; None if it is not there."""
    found = cast(list[Any], redis.xrange(stream, entry_id, entry_id))
    return found[0][1] if found else None


_EVENT, _RECEIVED, _WAITED = (name.encode() for name in (EVENT_FIELD, RECEIVED_FIELD, WAITED_FIELD))


def _range(
    redis: Redis, stream: str, start: str, count: int
) -> list[tuple[str, dict[bytes, bytes]]]:
    found = redis.xrange(stream, start, "+", count=count)
    return [(name.decode(), fields) for name, fields in cast(list[Any], found)]


def _entry(entry_id: str, flat: list[bytes]) -> StreamEntry:
    """Of fields and values in turn, as a script gives them."""
    if len(flat) == 2 and flat[0] == _EVENT:  # as nearly all are
        return StreamEntry(entry_id, flat[1], _appended_ms(entry_id))
    return _entry_of(entry_id, dict(zip(flat[::2], flat[1::2], strict=True)))


def _entry_of(entry_id: str, fields: dict[bytes, bytes]) -> StreamEntry:
    return StreamEntry(entry_id, fields.get(_EVENT, b""), received_ms(entry_id, fields))


def received_ms(entry_id: str, fields: dict[bytes, bytes]) -> int:
    """When the event of an entry was published. A field that is no time in ms counts for nothing."""
    appended_ms = _appended_ms(entry_id)
    received = _ms(fields.get(_RECEIVED))
    if received is not None:
        return min(received, appended_ms)
    return max(0, appended_ms - (_ms(fields.get(_WAITED)) or 0))


def _appended_ms(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def _ms(field: bytes | None) -> int | None:
    """Anybody may write it; Python refuses to read a number of thousands of digits."""
    return int(field) if field and field.isdigit() and len(field) <= _DIGITS else None
