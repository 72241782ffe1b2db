"""What a request holds, decoded into its type. What is wrong is named by field and reason, never by what it is."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from tablestore_memory.protocol import refusals
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.server.problems import Malformed, NotJson

T = TypeVar("T")
_MEDIA_TYPE = "application/json"


async def body_of(request: Request, kind: type[T]) -> T:
    """Raises Malformed, NotJson."""
    if media_type_of(request) != _MEDIA_TYPE:
        raise NotJson(f"must be {_MEDIA_TYPE}", "Content-Type")
    data = await request.body()
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise refused(error) from None


def media_type_of(request: Request) -> str:
    """What it says that its body is, in lower case and without parameters; "" if it says nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parameters_of(request: Request, kind: type[T]) -> T:
    """Those of the path and of the query. Raises Malformed."""
    query = request.query_params
    for name, times in Counter(name for name, _ in query.multi_items()).items():
        if times > 1:
            raise Malformed("given more than once", _named(name))
    return converted({**query, **request.path_params}, kind, strict=False)


def converted(values: Mapping[str, Any], kind: type[T], *, strict: bool = True) -> T:
    """Raises Malformed."""
    try:
        return msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise refused(error) from None


def refused(error: Exception) -> Malformed:
    """In words that are ours: msgspec's may quote what stood there."""
    if not isinstance(error, msgspec.ValidationError):
        return Malformed("not JSON", "body")
    said = str(error)
    if unknown := re.match(r"Object contains unknown field `(.*)`", said, re.DOTALL):
        return Malformed("unknown", _named(unknown[1].partition("`")[0]))
    found = refusals.invalid(error)
    field = "body" if found.field == "event" else found.field
    if said.startswith("Invalid RFC3339"):
        return Malformed("must be ISO 8601 with a time zone", field)
    if said.startswith("Invalid enum value"):
        return Malformed("must be one of those in the OpenAPI document", field)
    return Malformed(found.reason, field)


def malformed(error: MalformedEvent, where: str = "") -> Malformed:
    """What the protocol refuses, in its words."""
    return Malformed(error.reason, f"{where}{error.field}")


def _named(field: str) -> str:
    """A mistyped name is worth telling; what looks like none may be somebody's text."""
    return field if field.isidentifier() and len(field) <= 64 else "body"
