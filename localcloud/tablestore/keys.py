"""Primary keys: checked against a table's schema, and as bytes that sort as the service sorts.

A column is one of: 0x00 for INF_MIN, 0xFF for INF_MAX, else 0x01 and the value. Integers are
big-endian from the smallest; strings and binaries escape 0x00 and end in a mark below any escape,
so that a prefix sorts first and the next column cannot reach into it.
"""

from collections.abc import Sequence
from struct import Struct
from typing import cast

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import limits
from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import InvalidPK, ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import Bound, KeyPart

Schema = tuple[tuple[str, int], ...]  # name and pb.PrimaryKeyType of each column

_INTEGER = Struct(">BQ")
_SURELY_SHORT = limits.KEY_VALUE_BYTES // 4  # characters, of four bytes at most
_TYPES: dict[int, type] = {pb.INTEGER: int, pb.STRING: str, pb.BINARY: bytes}
_TYPE_NAMES: dict[type, str] = {
    int: "VT_INTEGER",
    str: "VT_STRING",
    bytes: "VT_BLOB",
    bool: "VT_BOOLEAN",
    float: "VT_DOUBLE",
}


def check_row_key(schema: Schema, key: Sequence[tuple[str, KeyPart]]) -> list[tuple[str, Value]]:
    """The key of one row, without bounds. Raises InvalidPK, ParameterInvalid."""
    return cast(list[tuple[str, Value]], check_range_key(schema, key))


def refuse_bounds(key: Sequence[tuple[str, KeyPart]]) -> None:
    """Raises ParameterInvalid: INF_MIN, INF_MAX and AUTO_INCREMENT name no row."""
    for _, value in key:
        if isinstance(value, Bound):
            raise ParameterInvalid(f"VT_{value.name} is an invalid type for the primary key.")


def check_range_key(
    schema: Schema, key: Sequence[tuple[str, KeyPart]]
) -> Sequence[tuple[str, KeyPart]]:
    """A key that may hold INF_MIN and INF_MAX. Raises InvalidPK, ParameterInvalid."""
    if not key:
        raise ParameterInvalid("The number of primary key columns must be in range: [1, 4].")
    if len(key) != len(schema):
        raise InvalidPK(f"Validate PK size fail. Input: {len(key)}, Meta: {len(schema)}.")
    for (name, value), (wanted, kind) in zip(key, schema, strict=True):
        if name != wanted or type(value) is not _TYPES[kind]:
            _check_column(name, value, wanted, kind)
        elif isinstance(value, str | bytes) and len(value) > _SURELY_SHORT:
            limits.check_key_size(name, limits.value_bytes(value))
    return key


def _check_column(name: str, value: KeyPart, wanted: str, kind: int) -> None:
    if name != wanted:
        raise InvalidPK(f"Validate PK name fail. Input: {name}, Meta: {wanted}.")
    if value is Bound.AUTO_INCREMENT:
        raise ParameterInvalid("PkAutoIncr is not defined for this table.")
    if not isinstance(value, Bound):
        given, meta = _TYPE_NAMES[type(value)], _TYPE_NAMES[_TYPES[kind]]
        raise InvalidPK(f"Validate PK type fail. Input: {given}, Meta: {meta}.")


def sort_key(values: Sequence[KeyPart]) -> bytes:
    """The bytes that sort as the key does."""
    return b"".join(map(_sort_part, values))


def _sort_part(value: KeyPart) -> bytes:
    if isinstance(value, str):
        return b"\x01" + value.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x01"
    if isinstance(value, int):
        return _INTEGER.pack(1, value + 2**63)
    if isinstance(value, bytes):
        return b"\x01" + value.replace(b"\x00", b"\x00\xff") + b"\x00\x01"
    return b"\xff" if value is Bound.INF_MAX else b"\x00"
