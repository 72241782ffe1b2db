"""Rows to PlainBuffer bytes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import encode_value

_NAME = Struct("<BBI")  # CELL, CELL_NAME, length
_VALUE = Struct("<BI")  # CELL_VALUE, length of the variant
_TIMESTAMP = Struct("<q")
_STAMPED = Struct("<B8sBB")  # CELL_TIMESTAMP, the timestamp, CELL_CHECKSUM, the checksum
_CHECKSUM = Struct("<BB")
_ROW_PK = bytes((f.ROW_PK,))
_ROW_DATA = bytes((f.ROW_DATA,))

Cell = tuple[str, Value, int | None]  # name, value, version timestamp in ms


def encode_bare_row(key: Sequence[tuple[str, Value]], columns: Sequence[Cell]) -> bytes:
    """One row without the header, as it is stored."""
    parts, checks = [_ROW_PK], bytearray()
    _append_cells(parts, checks, [(name, value, None) for name, value in key])
    if columns:
        parts.append(_ROW_DATA)
        _append_cells(parts, checks, columns)
    checks.append(0)  # not a delete marker
    parts.append(_CHECKSUM.pack(f.ROW_CHECKSUM, f.crc8(bytes(checks))))
    return b"".join(parts)


def _append_cells(parts: list[bytes], checks: bytearray, cells: Sequence[Cell]) -> None:
    """One loop, for every cell of every answer goes through it."""
    for name, value, timestamp in cells:
        head, check = _head(name)
        variant = encode_value(value)
        check = f.crc8(variant, check)
        if timestamp is None:
            tail = _CHECKSUM.pack(f.CELL_CHECKSUM, check)
        else:
            stamp = _stamp(timestamp)
            check = f.crc8(stamp, check)
            tail = _STAMPED.pack(f.CELL_TIMESTAMP, stamp, f.CELL_CHECKSUM, check)
        parts += (head, _VALUE.pack(f.CELL_VALUE, len(variant)), variant, tail)
        checks.append(check)


@lru_cache(maxsize=64)
def _stamp(timestamp: int) -> bytes:
    return _TIMESTAMP.pack(timestamp)


@lru_cache(maxsize=4096)
def _head(name: str) -> tuple[bytes, int]:
    """What a cell of this name begins with, and the checksum so far."""
    raw = name.encode()
    return _NAME.pack(f.CELL, f.CELL_NAME, len(raw)) + raw, f.crc8(raw)


def with_header(bare_rows: Iterable[bytes]) -> bytes:
    """Rows behind one header; nothing at all for no rows."""
    rows = b"".join(bare_rows)
    return f.HEADER_BYTES + rows if rows else b""


def encode_row(key: Sequence[tuple[str, Value]], columns: Sequence[Cell]) -> bytes:
    """One row: primary key (name, value) pairs in schema order, then its cells."""
    return f.HEADER_BYTES + encode_bare_row(key, columns)
