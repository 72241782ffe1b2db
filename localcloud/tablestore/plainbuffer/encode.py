"""Rows to PlainBuffer bytes."""

from collections.abc import Iterable, Sequence
from struct import Struct

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import encode_value

_HEADER = f.HEADER.to_bytes(4, "little")
_NAME = Struct("<BBi")  # CELL, CELL_NAME, length
_VALUE = Struct("<Bi")  # CELL_VALUE, length of the variant
_TIMESTAMP = Struct("<Bq")
_CHECKSUM = Struct("<BB")
_ROW_PK = bytes((f.ROW_PK,))
_ROW_DATA = bytes((f.ROW_DATA,))

Cell = tuple[str, Value, int | None]  # name, value, version timestamp in ms


def encode_bare_row(key: Sequence[tuple[str, Value]], columns: Sequence[Cell]) -> bytes:
    """One row without the header, as it is stored."""
    parts, checks = [_ROW_PK], bytearray()
    for name, value in key:
        _append_cell(parts, checks, name, value, None)
    if columns:
        parts.append(_ROW_DATA)
        for name, value, timestamp in columns:
            _append_cell(parts, checks, name, value, timestamp)
    checks.append(0)  # not a delete marker
    parts.append(_CHECKSUM.pack(f.ROW_CHECKSUM, f.crc8(bytes(checks))))
    return b"".join(parts)


def _append_cell(
    parts: list[bytes], checks: bytearray, name: str, value: Value, timestamp: int | None
) -> None:
    raw_name, raw_value = name.encode(), encode_value(value)
    check = f.crc8(raw_value, f.crc8(raw_name))
    parts += (_NAME.pack(f.CELL, f.CELL_NAME, len(raw_name)), raw_name)
    parts += (_VALUE.pack(f.CELL_VALUE, len(raw_value)), raw_value)
    if timestamp is not None:
        stamp = _TIMESTAMP.pack(f.CELL_TIMESTAMP, timestamp)
        check = f.crc8(stamp[1:], check)
        parts.append(stamp)
    parts.append(_CHECKSUM.pack(f.CELL_CHECKSUM, check))
    checks.append(check)


def with_header(bare_rows: Iterable[bytes]) -> bytes:
    """Rows behind one header; nothing at all for no rows."""
    rows = b"".join(bare_rows)
    return _HEADER + rows if rows else b""


def encode_row(key: Sequence[tuple[str, Value]], columns: Sequence[Cell]) -> bytes:
    """One row: primary key (name, value) pairs in schema order, then its cells."""
    return _HEADER + encode_bare_row(key, columns)
