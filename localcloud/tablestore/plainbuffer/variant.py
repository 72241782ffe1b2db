"""One value as PlainBuffer holds it: a type byte, then its content. Both directions."""

from collections.abc import Callable
from math import isinf, isnan
from struct import Struct
from typing import Any

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f

_INTEGER = Struct("<Bq")
_DOUBLE = Struct("<Bd")
_SIZED = Struct("<Bi")


def encode_value(value: Value) -> bytes:
    """The variant of a value."""
    if type(value) is str:  # what most values are
        raw = value.encode()
        return _SIZED.pack(f.VT_STRING, len(raw)) + raw
    return _ENCODERS[type(value)](value)


def decode_value(raw: bytes) -> Value:
    """The value of exactly one variant. Raises ParameterInvalid for anything else."""
    decode = _VALUES.get(raw[0]) if raw else None
    if decode is None:
        raise ParameterInvalid("data format is invalid, unknown variant type occured.")
    return decode(raw)


def decode_key_value(raw: bytes) -> Value | f.Bound:
    """The same where a primary key stands, which may hold a bound."""
    if len(raw) == 1 and raw[0] in _BOUNDS:
        return _BOUNDS[raw[0]]
    return decode_value(raw)


def _string(raw: bytes) -> str:
    try:
        return _sized(raw).decode()
    except UnicodeDecodeError as error:
        message = f"Cell data broken, wrong string format, size: {len(raw) - _SIZED.size}."
        raise ParameterInvalid(message) from error


def _sized(raw: bytes) -> bytes:
    if len(raw) < _SIZED.size or _SIZED.unpack_from(raw)[1] != len(raw) - _SIZED.size:
        raise _wrong_length(raw)
    return raw[_SIZED.size :]


def _integer(raw: bytes) -> int:
    if len(raw) != _INTEGER.size:
        raise _wrong_length(raw)
    value: int = _INTEGER.unpack(raw)[1]
    return value


def _double(raw: bytes) -> float:
    if len(raw) != _DOUBLE.size:
        raise _wrong_length(raw)
    value: float = _DOUBLE.unpack(raw)[1]
    if isnan(value):
        raise ParameterInvalid("NaN can't be set to double value.")
    if isinf(value):
        raise ParameterInvalid("Infinity can't be set to double value.")
    return value


def _boolean(raw: bytes) -> bool:
    if len(raw) != 2 or raw[1] > 1:
        raise ParameterInvalid(f"Invalid boolean real value, value length: {len(raw) - 1}.")
    return bool(raw[1])


def _wrong_length(raw: bytes) -> ParameterInvalid:
    return ParameterInvalid(f"Cell data broken, a value of type {raw[0]} in {len(raw)} bytes.")


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    int: lambda value: _INTEGER.pack(f.VT_INTEGER, value),
    float: lambda value: _DOUBLE.pack(f.VT_DOUBLE, value),
    bool: lambda value: bytes((f.VT_BOOLEAN, value)),
    bytes: lambda value: _SIZED.pack(f.VT_BLOB, len(value)) + value,
}
_VALUES: dict[int, Callable[[bytes], Value]] = {
    f.VT_INTEGER: _integer,
    f.VT_DOUBLE: _double,
    f.VT_BOOLEAN: _boolean,
    f.VT_STRING: _string,
    f.VT_BLOB: _sized,
}
_BOUNDS = {bound.value: bound for bound in f.Bound}
