"""A published line, as people and scripts write it, made a complete event.

{"type": "message", "user_id": …, "session_id": …, "role": …, "content": …} and, if known,
`message_id`, `created_at` (ISO 8601 with its zone, or integer µs), `name`, `metadata`, `event_id`.
What is missing of ids and stamps is filled in here; a field nobody knows is an error, not a guess.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tablestore_memory.producer.clock import Clock, EventIds
from tablestore_memory.producer.mending import checked_mended
from tablestore_memory.protocol.errors import MalformedEvent, UnknownType
from tablestore_memory.protocol.events import KINDS, Event

Line = Mapping[str, Any] | bytes | str

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: dict[str, frozenset[str]] = {
    name: frozenset({"type", *kind.__struct_encode_fields__}) for name, kind in KINDS.items()
}


def from_line(line: Line, *, ids: EventIds | None = None, clock: Clock | None = None) -> Event:
    """The complete event of one line. Raises MalformedEvent or its kin, naming the field."""
    return completed(line, ids or EventIds(), clock or Clock())[0]


def completed(line: Line, ids: EventIds, clock: Clock) -> tuple[Event, bytes]:
    """The complete event of one line, and its JSON. Raises as `from_line`."""
    draft = {name: value for name, value in _parsed(line).items() if value is not None}
    kind = _known_type(draft)
    if "event_id" not in draft:
        draft["event_id"] = ids.next_id()
    moment = draft.get("created_at")
    draft["created_at"] = clock.now_us() if moment is None else to_micros(moment)
    if kind == "message":
        draft.setdefault("message_id", draft["event_id"])
        draft.setdefault("utc_offset_min", utc_offset_min(moment))
    return checked_mended(draft)


def _parsed(line: Line) -> Mapping[str, Any]:
    if isinstance(line, Mapping):
        return line
    try:
        draft = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        draft = _leniently_parsed(line)
    if not isinstance(draft, dict):
        raise MalformedEvent("line", "must be a JSON object")
    return draft


def _leniently_parsed(line: bytes | str) -> object:
    """The standard parser tells where it stopped, and lets through what can be mended."""
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise MalformedEvent("line", f"not JSON at character {error.pos}") from None
    except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, too deep
        raise MalformedEvent("line", "not JSON") from None


def _known_type(draft: Mapping[str, Any]) -> str:
    """Raises MalformedEvent for another, and for a field that no event of this type has."""
    kind = draft.get("type")
    if kind is None:
        raise MalformedEvent("type", "missing")
    known = _FIELDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise UnknownType("type", f"must be one of {', '.join(KINDS)}")
    for field in draft:
        if field not in known:
            # A mistyped name is worth telling; what looks like none may be somebody's text.
            named = isinstance(field, str) and field.isidentifier() and len(field) <= 64
            raise MalformedEvent(field if named else "line", f"unknown field of a {kind}")
    return str(kind)


def to_micros(moment: object) -> int:
    """Microseconds since the epoch, of ISO 8601 or a datetime with its zone, or of themselves."""
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    return (_zoned(moment) - _EPOCH) // timedelta(microseconds=1)


def utc_offset_min(moment: object) -> int:
    """Minutes east of UTC, of ISO 8601 or a datetime with its zone; 0 of microseconds or None."""
    if moment is None or isinstance(moment, int):
        return 0
    return int((_zoned(moment).utcoffset() or timedelta()) / timedelta(minutes=1))


def _zoned(moment: object) -> datetime:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise MalformedEvent("created_at", "not ISO 8601") from None
    if not isinstance(moment, datetime):
        raise MalformedEvent("created_at", "must be ISO 8601 or integer microseconds")
    if moment.tzinfo is None:
        raise MalformedEvent("created_at", "without a time zone")
    return moment
