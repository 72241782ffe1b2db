"""Protobuf messages from bytes, refused unless they are complete and all of their text is text.

A proto2 string field takes any bytes, and what is not UTF-8 comes out as bytes; an enum of an unknown
value comes out as missing. Neither must get in.
"""

from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid

BROKEN = "Parse PBMessage from RawString failed."


class _Fields(NamedTuple):
    """The fields of a message type that are text, or messages with text somewhere inside."""

    texts: tuple[tuple[str, bool], ...]  # name, and whether it is repeated
    messages: tuple[tuple[str, bool, Any], ...]  # the same, and the type of the message


def parse(kind: Any, raw: bytes, complaint: str = BROKEN) -> Any:
    """The message. Raises ParameterInvalid with the complaint."""
    try:
        message = kind.FromString(raw)
    except DecodeError as error:
        raise ParameterInvalid(complaint) from error
    if not message.IsInitialized() or not _is_text(message, _fields(kind.DESCRIPTOR)):
        raise ParameterInvalid(complaint)
    return message


def _is_text(message: Any, fields: _Fields) -> bool:
    for name, repeated in fields.texts:
        value = getattr(message, name)
        for one in value if repeated else (value,):
            if not isinstance(one, str):
                return False
    for name, repeated, kind in fields.messages:
        if not repeated and not message.HasField(name):
            continue
        value, inside = getattr(message, name), _fields(kind)
        for one in value if repeated else (value,):
            if not _is_text(one, inside):
                return False
    return True


@cache
def _fields(descriptor: Any) -> _Fields:
    texts, messages = [], []
    for field in descriptor.fields:
        repeated = field.label == FieldDescriptor.LABEL_REPEATED
        if field.type == FieldDescriptor.TYPE_STRING:
            texts.append((field.name, repeated))
        elif field.type == FieldDescriptor.TYPE_MESSAGE and _has_text(field.message_type, ()):
            messages.append((field.name, repeated, field.message_type))
    return _Fields(tuple(texts), tuple(messages))


def _has_text(descriptor: Any, seen: tuple[Any, ...]) -> bool:
    if descriptor in seen:
        return False
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            return True
        if field.type == FieldDescriptor.TYPE_MESSAGE and _has_text(
            field.message_type, (*seen, descriptor)
        ):
            return True
    return False
