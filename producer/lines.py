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
from tablestore_memory.protocol.errors import MalformedEvent, UnknownType
from tablestore_memory.protocol.events import Event, Forget, Message, Remember, SessionEnd, decode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: dict[str, frozenset[str]] = {
    str(kind.__struct_config__.tag): frozenset({"type", *kind.__struct_encode_fields__})
    for kind in (Message, SessionEnd, Remember, Forget)
}


def from_line(
    line: Mapping[str, Any] | bytes | str,
    *,
    ids: EventIds | None = None,
    clock: Clock | None = None,
) -> Event:
    """The complete event of one line. Raises MalformedEvent or its kin, naming the field."""
    draft = _parse(line)
    _check_fields(draft)
    if draft.get("event_id") is None:
        draft["event_id"] = (ids or EventIds()).next_id()
    if draft.get("created_at") is None:
        draft["created_at"] = (clock or Clock()).now_us()
    moment = draft["created_at"]
    draft["created_at"] = to_micros(moment)
    if draft["type"] == "message":
        draft.setdefault("utc_offset_min", utc_offset_min(moment))
        if draft.get("message_id") is None:
            draft["message_id"] = draft["event_id"]
    return decode(_encode(draft))


def _parse(line: Mapping[str, Any] | bytes | str) -> dict[str, Any]:
    if isinstance(line, Mapping):
        return dict(line)
    try:
        draft = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        draft = _parse_leniently(line)
    if not isinstance(draft, dict):
        raise MalformedEvent("line", "must be a JSON object")
    return draft


def _parse_leniently(line: bytes | str) -> object:
    """The standard parser: its message is better, and it lets a lone surrogate through, so that
    the field which holds it can be named."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("line", f"not JSON: {error}") from error


def _check_fields(draft: dict[str, Any]) -> None:
    kind = draft.get("type")
    if kind is None:
        raise MalformedEvent("type", "missing")
    known = _FIELDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise UnknownType("type", f"{kind!r} is none of {', '.join(_FIELDS)}")
    for field in draft:
        if field not in known:
            raise MalformedEvent(str(field), f"unknown field of a {kind}")


def to_micros(moment: object) -> int:
    """Microseconds since the epoch, of ISO 8601 or a datetime with its zone, or of themselves."""
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    return (_zoned(moment) - _EPOCH) // timedelta(microseconds=1)


def utc_offset_min(moment: object) -> int:
    """Minutes east of UTC, of ISO 8601 or a datetime with its zone; 0 of microseconds."""
    if isinstance(moment, int):
        return 0
    return (_zoned(moment).utcoffset() or timedelta()) // timedelta(minutes=1)


def _zoned(moment: object) -> datetime:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise MalformedEvent("created_at", f"not ISO 8601: {moment!r}") from error
    if not isinstance(moment, datetime):
        raise MalformedEvent("created_at", "must be ISO 8601 or integer microseconds")
    if moment.tzinfo is None:
        raise MalformedEvent("created_at", f"without a time zone: {moment.isoformat()!r}")
    return moment


def _encode(draft: dict[str, Any]) -> bytes:
    for field, value in draft.items():
        try:
            msgspec.json.encode(value)
        except UnicodeEncodeError as error:
            raise MalformedEvent(field, "holds a lone surrogate") from error
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise MalformedEvent(field, f"not JSON: {error}") from error
    return msgspec.json.encode(draft)
