"""Columns of a row that anybody may have written, read so that a bad one costs its own default.

Tables are shared with other programs: a number may stand where a text should, JSON may be broken. No
reader here raises.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from tablestore_memory.protocol.events import MAX_CREATED_AT, Day

Columns = Mapping[str, Any]

_NOT_JSON = (ValueError, TypeError, RecursionError)


def text(columns: Columns, name: str, default: str = "") -> str:
    value = columns.get(name)
    return value if isinstance(value, str) else default


def integer(columns: Columns, name: str, default: int = 0) -> int:
    value = columns.get(name)
    return value if type(value) is int else default


def stamp(columns: Columns, name: str, default: int = 0) -> int:
    """A time in µs that a publisher may name; another's may be in ns, or none at all."""
    value = integer(columns, name, default)
    return value if 0 <= value <= MAX_CREATED_AT else default


def day(columns: Columns, name: str) -> str | None:
    """A day, a month or a year; None for anything else: it is told as it stands."""
    try:
        return msgspec.convert(columns.get(name), Day) or None
    except msgspec.ValidationError:
        return None


def moment(micros: int, zone: tzinfo = UTC) -> datetime:
    """When that was, or the nearest time that a publisher may name: keys of rows may be of any size."""
    return datetime.fromtimestamp(min(max(0, micros), MAX_CREATED_AT) / 1e6, zone)


def number(columns: Columns, name: str, default: float) -> float:
    value: Any = columns.get(name)
    return float(value) if type(value) in (int, float) else default


def json_list(columns: Columns, name: str) -> list[Any]:
    """A list that stands in the column as JSON; an empty one for anything else."""
    value = _json(columns.get(name))
    return value if isinstance(value, list) else []


def json_object(columns: Columns, name: str) -> dict[str, Any]:
    """An object that stands in the column as JSON; an empty one for anything else."""
    value = _json(columns.get(name))
    return value if isinstance(value, dict) else {}


def vector(columns: Columns, name: str) -> list[float] | None:
    """A list of numbers that stands in the column as JSON; None for anything else."""
    value = json_list(columns, name)
    return value if value and all(type(each) in (int, float) for each in value) else None


def _json(value: Any) -> Any:
    try:
        return json.loads(value)
    except _NOT_JSON:
        return None
