"""Why an event could not be read or written, in our words: those of msgspec may quote the event."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from tablestore_memory.protocol.checks import MAX_DEPTH
from tablestore_memory.protocol.errors import (
    MalformedEvent,
    NotText,
    UnknownType,
    UnknownVersion,
)

A_DAY = "2023-05-07, 2023-05 or 2023, with ~ for about then; empty for none"
LATER_VERSION = "later than this version reads"
_TOO_DEEP = f"nested more than {MAX_DEPTH} deep"
# Those of msgspec's messages that speak of types, lengths and places only.
_SAFE = ("Expected ", "JSON is malformed", "Input data was truncated", "Number out of range")


class _Peek(msgspec.Struct):
    type: Any = None
    v: Any = None


def undecodable(
    data: bytes, error: Exception, *, version: int, types: Sequence[str]
) -> MalformedEvent:
    """Type and version first: they explain the rest."""
    if isinstance(error, RecursionError):
        return MalformedEvent("event", _TOO_DEEP)
    if not isinstance(error, msgspec.ValidationError):
        return MalformedEvent("event", f"not JSON{_said(error)}")
    try:
        peek = msgspec.json.decode(data, type=_Peek)
    except msgspec.DecodeError:
        return MalformedEvent("event", "must be a JSON object")
    if isinstance(peek.v, int) and peek.v > version:
        return UnknownVersion("v", LATER_VERSION)
    refused = invalid(error)
    if refused.field == "type" and peek.type is not None:
        return UnknownType("type", f"must be one of {', '.join(types)}")
    return refused


def invalid(error: msgspec.ValidationError, *, within: str = "") -> MalformedEvent:
    """`Expected … - at `$.user_id`` or `… missing required field `user_id``, as field and reason."""
    # The last place is msgspec's: a text that it quotes may look like one as well.
    before, found, after = str(error).rpartition(" - at `$")
    reason, path = (before, after.rstrip("`")) if found else (after, "")
    if missing := re.match(r"Object missing required field `(\w+)`", reason):
        path, reason = f"{path}.{missing[1]}", "missing"
    elif reason.startswith("Invalid enum value"):
        reason = "must be one of those in docs/events.md"
    elif reason.startswith("Expected `str` matching regex "):  # days alone have one
        reason = f"must be {A_DAY}"
    elif not reason.startswith(_SAFE):
        reason = "not as docs/events.md has it"
    return MalformedEvent(f"{within}{path}".lstrip(".") or "event", reason)


def unencodable(field: str, error: Exception) -> MalformedEvent:
    """What kept a value of this field from being JSON."""
    if isinstance(error, UnicodeEncodeError):
        return NotText(field, "holds half a surrogate pair, which UTF-8 cannot carry")
    if isinstance(error, RecursionError):
        return MalformedEvent(field, _TOO_DEEP)
    if isinstance(error, TypeError) and str(error).startswith(("Encoding objects", "Only dicts")):
        return MalformedEvent(field, f"not JSON: {error}")
    return MalformedEvent(field, f"not JSON: {type(error).__name__}")


def _said(error: Exception) -> str:
    said = str(error)
    return f": {said}" if said.startswith(_SAFE) else ""
