"""Values and rows to PlainBuffer bytes."""

from collections.abc import Iterable, Sequence
from struct import Struct

from localcloud.tablestore.contract import Value
from localcloud.tablestore.plainbuffer import format as f

_HEADER = f.HEADER.to_bytes(4, "little")
_NAME = Struct("<BBi")  # CELL, CELL_NAME, length
_VALUE = Struct("<Bi")  # CELL_VALUE, length of the variant
_INTEGER = Struct("<Bq")
_DOUBLE = Struct("<Bd")
_SIZED = Struct("<Bi")
_TIMESTAMP = Struct("<Bq")
_CHECKED = bytes((f.CELL_CHECKSUM,))

Cell = tuple[str, Value, int | None]  # name, value, version timestamp in ms


def encode_value(value: Value) -> bytes:
    """One variant: its type byte, then its content."""
    match value:
        case bool():
            return bytes((f.VT_BOOLEAN, value))
        case int():
            return _INTEGER.pack(f.VT_INTEGER, value)
        case float():
            return _DOUBLE.pack(f.VT_DOUBLE, value)
        case str():
            raw = value.encode()
            return _SIZED.pack(f.VT_STRING, len(raw)) + raw
        case bytes():
            return _SIZED.pack(f.VT_BLOB, len(value)) + value


def _encode_cell(name: str, value: Value, timestamp: int | None) -> tuple[bytes, int]:
    """The cell's bytes and its checksum, which the row's checksum covers."""
    raw_name, raw_value = name.encode(), encode_value(value)
    check = f.crc8(raw_value, f.crc8(raw_name))
    head = _NAME.pack(f.CELL, f.CELL_NAME, len(raw_name)) + raw_name
    body = _VALUE.pack(f.CELL_VALUE, len(raw_value)) + raw_value
    if timestamp is None:
        return b"".join((head, body, _CHECKED, bytes((check,)))), check
    stamp = _TIMESTAMP.pack(f.CELL_TIMESTAMP, timestamp)
    check = f.crc8(stamp[1:], check)
    return b"".join((head, body, stamp, _CHECKED, bytes((check,)))), check


def encode_rows(rows: Iterable[tuple[Sequence[tuple[str, Value]], Sequence[Cell]]]) -> bytes:
    """Rows of (primary key, cells) behind one header; nothing at all for no rows."""
    parts = [_HEADER]
    for key, columns in rows:
        checks = bytearray()
        parts.append(bytes((f.ROW_PK,)))
        for name, value in key:
            cell, check = _encode_cell(name, value, None)
            parts.append(cell)
            checks.append(check)
        if columns:
            parts.append(bytes((f.ROW_DATA,)))
        for column in columns:
            cell, check = _encode_cell(*column)
            parts.append(cell)
            checks.append(check)
        checks.append(0)  # not a delete marker
        parts.append(bytes((f.ROW_CHECKSUM, f.crc8(bytes(checks)))))
    return b"".join(parts) if len(parts) > 1 else b""


def encode_row(key: Sequence[tuple[str, Value]], columns: Sequence[Cell]) -> bytes:
    """One row: primary key (name, value) pairs in schema order, then its cells."""
    return encode_rows([(key, columns)])
