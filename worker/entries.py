"""Entries of a stream as the worker reads them: id and event, oldest first, and what is in hand.

`take` counts how often the same front was taken and not given back: a worker that dies leaves the count
behind. What killed its worker twice is not tried a third time as it was: a batch is taken apart, entry by
entry; a lone entry is for the caller to set aside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, WAITED_FIELD
from tablestore_memory.worker.errors import Busy
from tablestore_memory.worker.lease import Lease

DEATHS = 2
_PAGE = 200

# KEYS: lease events in-hand   ARGV: token count deaths
# in-hand: `first` (id at the front), `tries` of it, `apart` (entries still to be taken one by one).
_TAKE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1, {}} end
local apart = tonumber(redis.call('HGET', KEYS[3], 'apart') or 0)
local count = tonumber(ARGV[2])
if apart > 0 then count = 1 end
local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', count)
if #entries == 0 then redis.call('DEL', KEYS[3]) return {0, entries} end
if redis.call('HGET', KEYS[3], 'first') ~= entries[1][1] then
  redis.call('HSET', KEYS[3], 'first', entries[1][1], 'tries', 0)
end
local tries = redis.call('HINCRBY', KEYS[3], 'tries', 1)
if #entries > 1 and tries > tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[3], 'apart', #entries, 'tries', 1)
  return {1, {entries[1]}}
end
return {tries, entries}
"""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One event as it came. `received_ms` is when it was published, by Redis' clock: a publisher's own may
    be wrong, but how long it held an event it can tell."""

    entry_id: str
    raw: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class InHand:
    """The front of a stream, and how often it was taken since it was last given back, this time included."""

    entries: list[StreamEntry]
    tries: int

    @property
    def deadly(self) -> bool:
        """A lone entry whose worker died as often as we allow."""
        return len(self.entries) == 1 and self.tries > DEATHS


def take(redis: Redis, lease: Lease, events: str, in_hand: str, count: int) -> InHand:
    """The oldest entries, up to `count`. Raises Busy if the lease was lost."""
    answer = cast(
        tuple[int, list[Any]],
        redis.eval(_TAKE, 3, lease.key, events, in_hand, lease.token, count, DEATHS),
    )
    tries, found = answer
    if tries < 0:
        raise Busy(lease.key)
    return InHand(
        [
            _entry(name.decode(), dict(zip(fields[::2], fields[1::2], strict=True)))
            for name, fields in found
        ],
        tries,
    )


def give_back(redis: Redis, in_hand: str) -> None:
    """The worker lived: what kept it from finishing was no death."""
    redis.hset(in_hand, "tries", 0)


def oldest(redis: Redis, stream: str, count: int) -> list[StreamEntry]:
    """Up to `count` entries from the front; an entry without an event is an empty one."""
    return [_entry(name, fields) for name, fields in _range(redis, stream, "-", count)]


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


def _entry(entry_id: str, fields: dict[bytes, bytes]) -> StreamEntry:
    return StreamEntry(entry_id, fields.get(_EVENT, b""), received_ms(entry_id, fields))


def received_ms(entry_id: str, fields: dict[bytes, bytes]) -> int:
    """When the event of an entry was published. A field that is no number counts for nothing."""
    appended_ms = int(entry_id.partition("-")[0])
    if (received := fields.get(_RECEIVED, b"")).isdigit():
        return min(int(received), appended_ms)
    waited = fields.get(_WAITED, b"")
    return max(0, appended_ms - int(waited)) if waited.isdigit() else appended_ms
