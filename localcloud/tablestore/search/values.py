"""From a column's value to what a field indexes, and from a query's value to the same.

A column whose type does not fit its field is not indexed; the row is, without it.
A query's string is read as the field's type where it can be.
"""

import json
from collections.abc import Callable
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.search.geo_points import Point, point
from tablestore_memory.localcloud.tablestore.search.schema import Field

MAX_KEYWORD_BYTES = 4096
MAX_ARRAY = 256
_INT64 = 2**63

MAX_ROWS = 256  # of one nested field
Indexed = str | int | float | Point


def rows(value: Any) -> list[dict[str, Any]]:
    """The rows in a nested field's column, of JSON or already read; none if it does not fit."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    found = [found] if isinstance(found, dict) else found
    fits = isinstance(found, list) and len(found) <= MAX_ROWS
    return found if fits and all(isinstance(row, dict) for row in found) else []


def indexed(field: Field, value: Any) -> list[Indexed]:
    """The values that the field indexes for a column; none if the column does not fit."""
    given = elements(value) if field.is_array else [value]
    found = [_READ[field.kind](field, element) for element in given]
    return [] if any(one is None for one in found) else [one for one in found if one is not None]


def queried(field: Field, value: Value) -> Indexed:
    """A query's value as the field holds it. Raises ParameterInvalid."""
    if field.kind not in _READ:
        raise errors.ParameterInvalid(f"This query does not work on {field}.")
    found = _READ[field.kind](field, value)
    if found is None and field.kind == pb.DOUBLE and _long(field, value) is not None:
        found = float(value)
    if found is None and isinstance(value, str) and field.kind in _PARSE:
        found = _parsed(field.kind, value)
    if found is None:
        raise errors.ParameterInvalid(f"Value {value!r} does not fit {field}.")
    return found


def elements(value: Any) -> list[Any]:
    """The elements of an array's column, of JSON or already read; none if it does not fit."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    return found if isinstance(found, list) and len(found) <= MAX_ARRAY else []


def _parsed(kind: int, text: str) -> Indexed | None:
    try:
        return _PARSE[kind](text)
    except (ValueError, KeyError):
        return None


def _keyword(_: Field, value: Any) -> str | None:
    fits = isinstance(value, str) and len(value.encode()) <= MAX_KEYWORD_BYTES
    return value if fits else None


def _text(_: Field, value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _long(_: Field, value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
    return value if fits else None


def _double(field: Field, value: Any) -> float | None:
    # JSON does not tell 1 from 1.0, so what is written in it may be either.
    whole = (field.is_array or field.is_inside) and _long(field, value) is not None
    return float(value) if whole or isinstance(value, float) else None


def _boolean(_: Field, value: Any) -> int | None:
    return int(value) if isinstance(value, bool) else None


def _date(field: Field, value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = (parse(value) for parse in field.date_parsers)
    return next((micros for micros in found if micros is not None), None)


def _geo_point(_: Field, value: Any) -> Point | None:
    return point(value)


_READ: dict[int, Callable[[Field, Any], Indexed | None]] = {
    pb.KEYWORD: _keyword,
    pb.TEXT: _text,
    pb.LONG: _long,
    pb.DOUBLE: _double,
    pb.BOOLEAN: _boolean,
    pb.DATE: _date,
    pb.GEO_POINT: _geo_point,
}
_PARSE: dict[int, Callable[[str], Indexed]] = {
    pb.LONG: int,
    pb.DOUBLE: float,
    pb.BOOLEAN: {"true": 1, "false": 0}.__getitem__,
}
