"""What a schema of types cannot say of an event: how deep it goes, what its texts hold, what a part is.

All of it is about values as JSON gives them. Every check raises MalformedEvent, naming the field.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tablestore_memory.protocol.errors import MalformedEvent, NotText

MAX_DEPTH = 64
"""Lists and objects within each other, in one field. Nothing that reads an event, in whatever language,
runs out of stack over so many; what people and models say has less than ten."""
_MAX_TYPE = 128

Fields = Iterable[tuple[str, Any]]


def check_parts(field: str, parts: list[dict[str, Any]]) -> None:
    """Each part says what it is; a text is text. Parts that nobody here knows are as good as others."""
    for index, part in enumerate(parts):
        kind = part.get("type")
        if not isinstance(kind, str) or not 0 < len(kind) <= _MAX_TYPE:
            reason = "missing" if kind is None else f"must be a text of 1 to {_MAX_TYPE} characters"
            raise MalformedEvent(f"{field}[{index}].type", reason)
        if kind == "text" and not isinstance(part.get("text"), str | None):
            raise MalformedEvent(f"{field}[{index}].text", "must be a text")


def check_day(field: str, day: str) -> None:
    """One that is as the schema has it stands in the calendar: a day, a month, a year, or nothing."""
    numbers = [int(part) for part in day.rstrip("~").split("-") if part]
    year, month, of_month = (*numbers, 1, 1, 1)[:3]
    try:
        date(year, month, of_month)
    except ValueError:
        raise MalformedEvent(field, "not in the calendar") from None


def refuse_depth(fields: Fields) -> None:
    """Refuse what is nested more than `MAX_DEPTH` deep."""
    for field, value in fields:
        if _deeper_than(MAX_DEPTH, value):
            raise MalformedEvent(field, f"nested more than {MAX_DEPTH} deep")


def _deeper_than(levels: int, value: object) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper_than(levels - 1, item) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper_than(levels - 1, item) for item in value)
    return False


def refuse_nul(fields: Fields) -> None:
    """Look at what was decoded: a text may also hold a backslash and `u0000` as such."""
    for field, value in fields:
        if _has_nul(value):
            raise NotText(field, "holds a NUL character")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))
