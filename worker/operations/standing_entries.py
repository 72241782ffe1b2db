"""Where an event stands in Redis, by its own id or its message's: in which stream, and how many stand before it.

A stream has no index of ids: both of its ends are looked at, and it is said where that was not all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.services import RedisServices
from tablestore_memory.worker.state.entries import received_ms
from tablestore_memory.worker.state.partitions import active_partitions

Place = Literal["events", "requests", "dead"]
_AN_END = 500  # entries


class Told(msgspec.Struct):
    """As much of an event as says which one it is; a dead letter of an extraction names messages."""

    type: Any = ""
    event_id: Any = None
    message_id: Any = None
    user_id: Any = None
    session_id: Any = None
    created_at: Any = None
    message_ids: Any = ()

    def has_id(self, wanted: str) -> bool:
        return wanted in (self.event_id, self.message_id) or wanted in (self.message_ids or ())


@dataclass(frozen=True, slots=True)
class Standing:
    """`ahead` is how many entries stand before it in its stream, `reason` why it is a dead letter."""

    place: Place
    partition: int
    entry_id: str
    ahead: int
    received_ms: int
    told: Told
    reason: str = ""

    @property
    def since_ms(self) -> int:
        """When it came into its stream."""
        return int(self.entry_id.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Entries:
    """Those that were found; `unseen` is how many were not looked at."""

    found: list[Standing]
    unseen: int


def entries_of(s: RedisServices, event_id: str) -> Entries:
    """In all partitions; one round trip for each kind of stream."""
    found: list[Standing] = []
    unseen = 0
    for place, partition, length, first, last in _streams(s):
        fronts = {entry_id: number for number, (entry_id, _) in enumerate(first)}
        backs = {entry_id: length - 1 - number for number, (entry_id, _) in enumerate(last)}
        looked_at = dict([*last, *first])
        unseen += max(0, length - len(looked_at))
        for entry_id, fields in looked_at.items():
            if told := _told(fields, event_id):
                ahead = (backs | fronts)[entry_id]
                found.append(_standing(place, partition, entry_id, ahead, fields, told))
    return Entries(found, unseen)


def _streams(s: RedisServices) -> Iterator[tuple[Place, int, int, list[Any], list[Any]]]:
    """Each with its length and its two ends."""
    partitions = active_partitions(s.redis, s.streams)
    keys: dict[Place, Any] = {
        "events": s.keys.events,
        "requests": s.keys.requests,
        "dead": s.keys.dead,
    }
    for place, key in keys.items():
        with s.redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.xlen(key(partition))
                pipe.xrange(key(partition), count=_AN_END)
                pipe.xrevrange(key(partition), count=_AN_END)
            answers = pipe.execute()
        for number, partition in enumerate(partitions):
            length, first, last = answers[3 * number : 3 * number + 3]
            yield place, partition, length, first, last


def _told(fields: dict[bytes, bytes], event_id: str) -> Told | None:
    """None of another event, or of one that cannot be read."""
    try:
        told = msgspec.json.decode(fields.get(EVENT_FIELD.encode(), b""), type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told if told.has_id(event_id) else None


def _standing(
    place: Place,
    partition: int,
    entry_id: bytes,
    ahead: int,
    fields: dict[bytes, bytes],
    told: Told,
) -> Standing:
    name = entry_id.decode()
    reason = fields.get(b"reason", b"").decode(errors="replace")
    return Standing(place, partition, name, ahead, received_ms(name, fields), told, reason)
