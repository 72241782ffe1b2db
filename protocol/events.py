"""The events, validated, and their versioned JSON form. The contract between all publishers and
all workers; docs/events.md tells it in prose. Knows neither Redis nor time.

`encode` and `decode` apply the same checks, so what a publisher lets through a worker can read.
Unknown fields are ignored on reading: an older worker stands a newer publisher. A change an older
worker could not stand raises `v`.
"""

import re
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta

from tablestore_memory.protocol.errors import MalformedEvent, UnknownType, UnknownVersion

VERSION = 1
MAX_ID_BYTES = 1024  # the store's limit of a primary key column
MAX_EVENT_BYTES = 256 * 1024  # so that a batch of 200 rows stays within the store's 4 MB
MAX_CREATED_AT = 7_258_118_400_000_000  # 2200-01-01: a stamp in ns instead of µs is found here
PART_TYPES = frozenset({"text", "data", "image", "audio", "file", "refusal"})

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_BYTES, description="1 to 1024 bytes")]
Micros = Annotated[
    int, Meta(ge=0, le=MAX_CREATED_AT, description="microseconds since 1970-01-01, UTC")
]
Text = Annotated[str, Meta(min_length=1)]
Parts = Annotated[list[dict[str, Any]], Meta(min_length=1)]


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True
):  # v is left out while it is 1
    event_id: Id
    user_id: Id
    created_at: Micros
    v: Annotated[int, Meta(ge=1)] = VERSION


class Message(_Event, frozen=True, kw_only=True, tag="message"):
    """One message of a conversation, in the terms of AgentScope's `Message`."""

    session_id: Id
    message_id: Id
    role: Literal["user", "assistant", "system", "tool"]
    content: Text | Parts
    name: str | None = None
    metadata: dict[str, Any] | None = None
    message_type: Annotated[str, Meta(min_length=1, max_length=128)] = "message"
    """AgentScope's `Message.type`: message, function_call, plugin_call, reasoning, …"""
    fields: dict[str, Any] = {}
    """Further fields of an AgentScope `Message`: status, usage, error, …"""
    utc_offset_min: Annotated[int, Meta(ge=-1440, le=1440)] = 0
    """The speaker's time zone, minutes east of UTC: what "yesterday" was for them."""


class SessionEnd(_Event, frozen=True, kw_only=True, tag="session_end"):
    """The conversation is over: remember what is worth it now."""

    session_id: Id


class Remember(_Event, frozen=True, kw_only=True, tag="remember"):
    """Remember this text as it is, without asking a model."""

    text: Text
    session_id: Id | None = None
    metadata: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    """A whole AgentScope `Message` instead of its text alone: kept under its own id, beside others."""


class Forget(_Event, frozen=True, kw_only=True, tag="forget"):
    """Forget a session, or all there is of a user when no session is named."""

    session_id: Id | None = None


Event = Message | SessionEnd | Remember | Forget

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


def partition_key(event: Event) -> str:
    """What orders an event: its session, or its user if it has none."""
    return event.session_id or event.user_id


def encode(event: Event) -> bytes:
    """The event's JSON, checked. Raises MalformedEvent."""
    try:
        data = _encode(event)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _unencodable(event) from error
    decode(data)
    return data


def decode(data: bytes) -> Event:
    """The event of this JSON. Raises MalformedEvent, UnknownType or UnknownVersion."""
    try:
        event: Event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _raise_undecodable(data, error)
    # What follows is done for few events only: `publish` is to cost microseconds.
    if event.v != VERSION:
        raise UnknownVersion("v", f"{event.v}, this version reads {VERSION}")
    if 92 in data and b"\\u0000" in data:  # a backslash first: that is one memchr
        _refuse_nul(event)
    if len(data) > MAX_ID_BYTES:  # else no id can be longer either
        _check_lengths(event, len(data))
    if type(event) is Message and type(event.content) is list:
        _check_parts(event.content)
    return event


def _check_lengths(event: Event, event_bytes: int) -> None:
    """The schema counts characters; the store's limit of a key is in bytes."""
    if event_bytes > MAX_EVENT_BYTES:
        raise MalformedEvent("event", f"{event_bytes} bytes, more than {MAX_EVENT_BYTES}")
    for field in ("event_id", "user_id", "session_id", "message_id"):
        value = getattr(event, field, None)
        if value and len(value.encode()) > MAX_ID_BYTES:
            raise MalformedEvent(field, f"longer than {MAX_ID_BYTES} bytes in UTF-8")


def _check_parts(parts: list[dict[str, Any]]) -> None:
    for index, part in enumerate(parts):
        if part.get("type") not in PART_TYPES:
            known = ", ".join(sorted(PART_TYPES))
            raise MalformedEvent(f"content[{index}].type", f"must be one of {known}")


def _refuse_nul(event: Event) -> None:
    """A text may also hold a backslash and `u0000` as such: look at what was decoded."""
    for field in event.__struct_fields__:
        if _has_nul(getattr(event, field)):
            raise MalformedEvent(field, "holds a NUL character")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _unencodable(event: Event) -> MalformedEvent:
    """Which field it was: the encoder does not say."""
    for field in event.__struct_fields__:
        try:
            _encode(getattr(event, field))
        except UnicodeEncodeError:
            return MalformedEvent(field, "holds a lone surrogate, which UTF-8 cannot carry")
        except RecursionError:
            return MalformedEvent(field, "nested too deeply")
        except (TypeError, ValueError, OverflowError) as error:
            return MalformedEvent(field, f"not JSON: {error}")
    return MalformedEvent("event", "not JSON")


class _Peek(msgspec.Struct):
    type: Any = None
    v: Any = None


def _raise_undecodable(data: bytes, error: Exception) -> NoReturn:
    """The library's message as field and reason; type and version first, they explain the rest."""
    if not isinstance(error, msgspec.ValidationError):
        raise MalformedEvent("event", f"not JSON: {error}") from error
    try:
        peek = msgspec.json.decode(data, type=_Peek)
    except msgspec.DecodeError:
        raise MalformedEvent("event", "must be a JSON object") from error
    if isinstance(peek.v, int) and peek.v > VERSION:
        raise UnknownVersion("v", f"{peek.v}, this version reads {VERSION}") from error
    field, reason = _where(str(error))
    if field == "type" and peek.type is not None:
        raise UnknownType("type", f"unknown: {peek.type!r}") from error
    raise MalformedEvent(field, reason) from error


def _where(message: str) -> tuple[str, str]:
    """`Expected … - at `$.user_id`` or `… missing required field `user_id`` → (field, reason)."""
    reason, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    missing = re.search(r"missing required field `(\w+)`", reason)
    if missing:
        return f"{path}.{missing[1]}" if path else missing[1], "missing"
    return path or "event", reason
