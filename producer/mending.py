"""Texts that neither UTF-8 nor the store can carry, made such that they can.

Models and tools give an agent halves of surrogate pairs (an emoji cut in two by a stream, a file's name) and
NULs (a binary file read as text). That is no reason to refuse what it says. Ids are not touched: two of
them could become one.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tablestore_memory.protocol.errors import NotText
from tablestore_memory.protocol.events import IDS, Event, checked, encode, plain


def encode_mended(event: Event) -> bytes:
    """As `encode`, with the texts mended where they must be. Raises MalformedEvent."""
    try:
        return encode(event)
    except NotText:
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        return encode(msgspec.structs.replace(event, **_mended_fields(fields)))


def checked_mended(fields: Mapping[str, Any]) -> tuple[Event, bytes]:
    """As `checked`, with the texts mended where they must be. Raises MalformedEvent."""
    try:
        return checked(fields)
    except NotText:
        return checked(_mended_fields(fields))


def _mended_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in IDS else mended(value) for name, value in fields.items()}


def mended(value: Any) -> Any:
    """Halves of a pair that stand together are joined; a lone one, or a NUL, becomes U+FFFD.

    What is no JSON, endless or too deep is left as it is: encoding it says why it is refused.
    """
    try:
        return _mended(msgspec.to_builtins(value, enc_hook=plain))
    except Exception:  # noqa: BLE001 - whatever an object of the caller's raises
        return value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        joined = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return joined.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value
