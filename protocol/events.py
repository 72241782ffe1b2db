"""The events, validated, and their versioned JSON form. The contract between all publishers and
all workers; docs/events.md tells it in prose. Knows neither Redis nor time.

`encode`, `checked` and `decode` apply the same checks, so what a publisher lets through a worker can read,
store and show. Unknown fields are ignored on reading: an older worker stands a newer publisher. A
change an older worker could not stand raises `v`.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

import msgspec
from msgspec import Meta

from tablestore_memory.protocol import checks, refusals
from tablestore_memory.protocol.errors import EventTooLarge, MalformedEvent, UnknownVersion

VERSION = 1
MAX_ID_BYTES = 1024  # the store's limit of a primary key column
MAX_EVENT_BYTES = 256 * 1024  # so that a batch of 200 rows stays within the store's 4 MB
MAX_CREATED_AT = 7_258_118_400_000_000  # 2200-01-01: a stamp in ns instead of µs is found here

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_BYTES, description="1 to 1024 bytes")]
Micros = Annotated[
    int, Meta(ge=0, le=MAX_CREATED_AT, description="microseconds since 1970-01-01, UTC")
]
Traceparent = Annotated[
    str, Meta(description="of W3C Trace Context; a text that is none counts for nothing")
]
Role = Literal["user", "assistant", "system", "tool", "developer", "function"]
Kind = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(min_length=1)]
MemoryKind = Literal[
    "profile", "preference", "fact", "event", "plan", "relationship", "instruction"
]
Day = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?~?)?(?!\n)$",
        description=refusals.A_DAY,
    ),
]
Parts = list[dict[str, Any]]
"""Objects, each with a `type` of 1 to 128 characters; what else they hold is their maker's matter."""


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True
):  # v is left out while it is 1
    event_id: Id
    user_id: Id
    created_at: Micros
    v: Annotated[int, Meta(ge=1)] = VERSION
    traceparent: Traceparent | None = None


class Message(_Event, frozen=True, kw_only=True, tag="message"):
    """One message of a conversation, in the terms of AgentScope's `Message` or of OpenAI's messages."""

    session_id: Id
    message_id: Id
    role: Role
    content: str | Parts | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None
    message_type: Kind = "message"
    """AgentScope's `Message.type`: message, function_call, plugin_call, reasoning, …"""
    fields: dict[str, Any] = {}
    """Further fields of an AgentScope `Message`: status, usage, error, …"""
    utc_offset_min: Annotated[int, Meta(ge=-1439, le=1439)] = 0
    """The speaker's time zone, minutes east of UTC: what "yesterday" was for them."""
    # Of OpenAI's messages, and of Qwen's in that form; kept as they are.
    tool_calls: Any = None
    tool_call_id: Any = None
    function_call: Any = None
    refusal: Any = None
    audio: Any = None
    annotations: Any = None
    reasoning_content: Any = None


OPENAI_FIELDS = (
    *("tool_calls", "tool_call_id", "function_call"),
    *("refusal", "audio", "annotations", "reasoning_content"),
)


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


class _OfMemory(_Event, frozen=True, kw_only=True):
    """One memory of the user: it may come from many sessions, so the event belongs to none."""

    session_id: ClassVar[None] = None
    memory_id: Id


class EditMemory(_OfMemory, frozen=True, kw_only=True, tag="edit_memory"):
    """Correct one memory by hand: what is given takes the place of what was there, the rest stays."""

    text: Text | None = None
    kind: MemoryKind | None = None
    event_start: Day | None = None
    event_end: Day | None = None


class DeleteMemory(_OfMemory, frozen=True, kw_only=True, tag="delete_memory"):
    """Delete one memory, and the earlier texts that it took the place of."""


class Document(msgspec.Struct):
    """What the `document` of a `remember` must be; all else in it is kept as it comes."""

    id: Id
    type: Kind = "message"
    role: Role | None = None
    content: Parts | None = None
    metadata: dict[str, Any] | None = None


Asked = Remember | Forget | EditMemory | DeleteMemory
"""What is asked for by name, and carried out beside what is said."""
Event = Message | SessionEnd | Asked
KINDS: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
"""The events by their `type`."""
IDS = ("event_id", "user_id", "session_id", "message_id", "memory_id")


def plain(value: Any) -> Any:
    """The SDKs' messages hold pydantic's models. Raises TypeError for what has no JSON form."""
    if callable(dump := getattr(value, "model_dump", None)):
        return dump()
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_encode = msgspec.json.Encoder(enc_hook=plain).encode
_decode = msgspec.json.Decoder(Event).decode


def partition_key(event: Event) -> str:
    """What orders an event: its session, or its user if it has none."""
    return event.session_id or event.user_id


def encode(event: Event) -> bytes:
    """The event's JSON, checked. Raises MalformedEvent."""
    try:
        data = _encode(event)
    except Exception as error:  # noqa: BLE001 - what an object of the caller's raises is no JSON either
        raise _unencodable(_fields(event), error) from None
    decode(data)
    return data


def checked(fields: Mapping[str, Any]) -> tuple[Event, bytes]:
    """The event of these fields, and its JSON. Raises MalformedEvent."""
    try:
        data = _encode(fields)
    except Exception as error:  # noqa: BLE001 - as above
        raise _unencodable(fields.items(), error) from None
    return decode(data), data


def decode(data: bytes) -> Event:
    """The event of this JSON. Raises MalformedEvent or its kin."""
    try:
        event: Event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Without its cause: what the library says may quote the event.
        raise refusals.undecodable(data, error, version=VERSION, types=tuple(KINDS)) from None
    # What follows is done for few events only: `publish` is to cost microseconds.
    if event.v != VERSION:
        raise UnknownVersion("v", refusals.LATER_VERSION)
    if 92 in data and b"\\u0000" in data:  # a backslash first: that is one memchr
        checks.refuse_nul(_fields(event))
    if len(data) > MAX_ID_BYTES:  # else no id can be longer either
        _check_lengths(event, len(data))
    if 91 in data or data.rfind(123) > 0:  # a bracket or a second brace, else nothing is nested
        _check_depth(event, data)
    if type(event) is Message:
        if type(event.content) is list:
            checks.check_parts("content", event.content)
    elif type(event) is Remember and event.document is not None:
        _check_document(event.document)
    elif type(event) is EditMemory:
        _check_edit(event)
    return event


def _fields(event: Event) -> Iterable[tuple[str, Any]]:
    return ((name, getattr(event, name)) for name in getattr(event, "__struct_fields__", ()))


def _check_depth(event: Event, data: bytes) -> None:
    if data.count(b"{") + data.count(b"[") > checks.MAX_DEPTH:  # else nothing can be so deep
        checks.refuse_depth(_fields(event))


def _check_lengths(event: Event, event_bytes: int) -> None:
    """The schema counts characters; the store's limit of a key is in bytes."""
    if event_bytes > MAX_EVENT_BYTES:
        raise EventTooLarge("event", f"{event_bytes} bytes, more than {MAX_EVENT_BYTES}")
    for field in IDS:
        _check_id(field, getattr(event, field, None))


def _check_id(field: str, value: str | None) -> None:
    if value and len(value.encode()) > MAX_ID_BYTES:
        raise MalformedEvent(field, f"longer than {MAX_ID_BYTES} bytes in UTF-8")


def _check_document(document: dict[str, Any]) -> None:
    try:
        known = msgspec.convert(document, Document)
    except msgspec.ValidationError as error:
        raise refusals.invalid(error, within="document") from None
    _check_id("document.id", known.id)
    checks.check_parts("document.content", known.content or [])


def _check_edit(event: EditMemory) -> None:
    """It changes something, and its days are in the calendar."""
    if event.text is event.kind is event.event_start is event.event_end is None:
        raise MalformedEvent("text", "missing, and so is all else that could be edited")
    checks.check_day("event_start", event.event_start or "")
    checks.check_day("event_end", event.event_end or "")


def _unencodable(fields: Iterable[tuple[str, Any]], error: Exception) -> MalformedEvent:
    """Which field it was: the encoder does not say."""
    for field, value in fields:
        try:
            _encode(value)
        except Exception as cause:  # noqa: BLE001 - as in `encode`
            return refusals.unencodable(field, cause)
    return refusals.unencodable("event", error)
