"""A message's fields as columns that AgentScope Runtime 1.0.5 can read, and back. Does no I/O.

All are strings, lists and objects as JSON. What its reader could not take is kept where it does not look: a role
it does not know in `original_role`, a field that can be no column of its own in `other_fields`.
"""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

from tablestore_memory.worker.stores.parts import Error, Part

ORIGINAL_ROLE = "original_role"
OTHER_FIELDS = "other_fields"
RESERVED = frozenset(
    [
        # The keys of all tables, and what AgentScope's reader takes for a message's id.
        *("user_id", "session_id", "message_id", "create_time", "document_id", "tenant_id", "id"),
        # What a row of ours says itself (stores/rows.py).
        *("content", "content_list", "type", "role", "metadata", "utc_offset_min", "received_ms"),
        *(ORIGINAL_ROLE, OTHER_FIELDS),
        # And that of a memory (stores/memories.py, stores/documents.py).
        *("text", "embedding", "kind", "subject", "said_by", "model", "prompt_version", "sources"),
        *("event_start", "event_end", "confidence", "valid_from", "valid_to", "stated_at"),
        "edited_at",
    ]
)
"""Columns that no field of a message may take."""

_ROLES = {"developer": "system", "function": "tool"}  # AgentScope knows but the other four
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")  # of a column (naming conventions)
_MOST = 128  # columns of one message that AgentScope does not know; the service allows a row 1024


_TYPES: dict[str, Any] = {
    "object": str,
    "status": str,
    "code": str,
    "message": str,
    "usage": dict[str, Any],
    "sequence_number": int,
    "error": Error,
}
"""Of AgentScope's Message: with a field of another type its session could not be read."""

_JSON_BEGINS = (*'-0123456789"{[', "true", "false", "null", "NaN", "Infinity")


def message_fields(
    role: str | None,
    message_type: str,
    parts: list[Part] | None,
    extra: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """The columns of a message but for its text and its owner. What is None is left out."""
    fields = {"object": "message", "status": "completed", "type": _as_string(message_type)}
    if extra:  # few messages have any
        fields = fields | _extra_columns(extra)
    if role is not None:
        fields["role"] = _ROLES.get(role, role)
    if role in _ROLES:
        fields[ORIGINAL_ROLE] = role
    if parts is not None:
        fields["content_list"] = _as_string(parts)
    if metadata is not None:
        fields["metadata"] = _as_string(metadata)
    return fields


def _extra_columns(extra: Mapping[str, Any]) -> dict[str, str]:
    given = {name: value for name, value in extra.items() if value is not None}
    known = {name: given[name] for name in given.keys() & _TYPES if _is_readable(name, given[name])}
    free = (name for name in given if name not in _TYPES and _may_be_a_column(name))
    columns = known | {name: given[name] for name in islice(free, _MOST)}
    if others := {name: value for name, value in given.items() if name not in columns}:
        columns[OTHER_FIELDS] = others
    return {name: _as_string(value) for name, value in columns.items()}


def extra_fields(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The `extra` of `message_fields` that made these columns. Raises ValueError, TypeError."""
    others = json.loads(columns.get(OTHER_FIELDS, "{}"))
    named = columns.keys() - RESERVED - others.keys()
    return {**{name: as_value(text) for name, text in columns.items() if name in named}, **others}


def as_value(stored: Any) -> Any:
    """Back from the string that a row holds; what is no JSON is the string itself."""
    try:
        return json.loads(stored)
    except (ValueError, TypeError):
        return stored


def _may_be_a_column(name: str) -> bool:
    return name not in RESERVED and _NAME.fullmatch(name) is not None


def _is_readable(name: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        return False
    return True


def _as_string(value: Any) -> str:
    """A string that is read back as this value: AgentScope's readers parse what parses as JSON."""
    if isinstance(value, str) and not _parses(value):
        return value
    return msgspec.json.encode(value).decode()


def _parses(text: str) -> bool:
    if not text.lstrip().startswith(_JSON_BEGINS):  # spares nearly every row the exception
        return False
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):  # too deep or too long a number: it is the reader's limit
        return True
    return True
