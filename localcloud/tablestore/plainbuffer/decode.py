"""PlainBuffer bytes to rows. What is not exactly the format raises ParameterInvalid.

Every cell and row carries a checksum; lengths and tags are checked against what follows them, so
that a changed byte is an error and never a different row. Where the SDK's C parser loads, it reads
what it can (`native.py`); this reads the rest, and everything where it does not.
"""

import struct
from collections.abc import Callable
from struct import Struct
from typing import Any

from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.row import (
    CellChange,
    KeyPart,
    Row,
    new_tuple,
)
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import (
    decode_key_value,
    decode_value,
)

_NAME = Struct("<BBI")  # CELL, CELL_NAME, length of the name
_VALUE = Struct("<BIBI")  # CELL_VALUE, length of the variant, its type, if a string: its length
_STAMP = Struct("<q")
_OPS = {int(op): op for op in f.CellOp}
_NAMES: dict[bytes, tuple[str, int, int]] = {}  # see _name
_NAMES_KEPT = 4096


def decode(data: bytes) -> Row:
    """The one row behind a header."""
    if data[:4] != f.HEADER_BYTES:
        actual = int.from_bytes(data[:4], "little")
        raise ParameterInvalid(
            f"Cell data broken, mismatch header, actual: {actual} , expect: {f.HEADER}."
        )
    try:
        row, end = _row(data, 4)
    except (IndexError, struct.error) as error:
        raise ParameterInvalid("data format is invalid.") from error
    except UnicodeDecodeError as error:
        size = len(error.object)
        raise ParameterInvalid(f"Cell data broken, wrong string format, size: {size}.") from error
    if end != len(data):
        raise ParameterInvalid("Cell data broken, has more data in cell, but they can't be parsed.")
    return row


def _row(data: bytes, pos: int) -> tuple[Row, int]:
    if data[pos] != f.ROW_PK:
        raise _wrong_tag(data[pos], f.ROW_PK)
    checks = bytearray()  # of the cells: the row's checksum covers them
    found, pos, key_bytes = _cells(data, pos + 1, checks, decode_key_value)
    key = [_key_part(cell) for cell in found]
    cells: list[CellChange] = []
    cell_bytes = 0
    if data[pos] == f.ROW_DATA:
        cells, pos, cell_bytes = _cells(data, pos + 1, checks, decode_value)
    delete = data[pos] == f.DELETE_ROW_MARKER
    checks.append(delete)
    pos += delete
    if data[pos] != f.ROW_CHECKSUM:
        raise _wrong_tag(data[pos], f.ROW_CHECKSUM)
    check = f.crc8(bytes(checks))
    if data[pos + 1] != check:
        raise _wrong_checksum(data[pos + 1], check)
    is_plain = all(cell.value is not None and cell[2:] == (None, None) for cell in cells)
    return Row(key, cells, delete, key_bytes + cell_bytes, is_plain), pos + 2


def _key_part(cell: CellChange) -> tuple[str, KeyPart]:
    name, value, timestamp, op = cell
    if value is None:
        raise ParameterInvalid(f"No value is given for primary key name:'{name}'.")
    if timestamp is not None:
        raise ParameterInvalid(f"Timestamp cannot be given for primary key name:'{name}'.")
    if op is not None:
        raise ParameterInvalid(f"OpType cannot be given for primary key name :'{name}'.")
    return name, value


def _cells(
    data: bytes, pos: int, checks: bytearray, decode_variant: Callable[[bytes], Any]
) -> tuple[list[CellChange], int, int]:
    """The cells from `pos` on, where they end, and the bytes of their names and values.

    One loop, for calls would double the time. Whatever is cut short ends in an IndexError at the
    next tag.
    """
    cells: list[CellChange] = []
    size_bytes = 0
    while data[pos] == f.CELL:
        head = data[pos : pos + _NAME.size + data[pos + 2]]
        name, check, size = _NAMES.get(head) or _name(data, pos)
        value, timestamp, op = None, None, None
        pos += size
        size_bytes += size - _NAME.size
        if data[pos] == f.CELL_VALUE:
            _, size, kind, length = _VALUE.unpack_from(data, pos)
            variant = data[pos + 5 : pos + 5 + size]
            check = f.crc8(variant, check)
            is_text = kind == f.VT_STRING and length == size - 5  # as most values are
            value = variant[5:].decode() if is_text else decode_variant(variant)
            size_bytes += size - (5 if kind in f.SIZED else 1)
            pos += 5 + size
        if data[pos] != f.CELL_CHECKSUM:
            timestamp, op, check, pos = _rest(data, pos, check)
        if data[pos + 1] != check:
            raise _wrong_checksum(data[pos + 1], check)
        cells.append(new_tuple(CellChange, (name, value, timestamp, op)))
        checks.append(check)
        pos += 2
    return cells, pos, size_bytes


def _rest(data: bytes, pos: int, check: int) -> tuple[int | None, f.CellOp | None, int, int]:
    """What may stand between a cell's value and its checksum."""
    timestamp, op = None, None
    if data[pos] == f.CELL_OP:
        op, pos = _op(data[pos + 1]), pos + 2
    if data[pos] == f.CELL_TIMESTAMP:
        timestamp = _STAMP.unpack_from(data, pos + 1)[0]
        check, pos = f.crc8(data[pos + 1 : pos + 9], check), pos + 9
    if op is not None:  # covered after the timestamp, though it stands before it
        check = f.crc8(bytes((op,)), check)
    if data[pos] != f.CELL_CHECKSUM:
        raise _wrong_tag(data[pos], f.CELL_CHECKSUM)
    return timestamp, op, check, pos


def _name(data: bytes, pos: int) -> tuple[str, int, int]:
    """The name of the cell at `pos`, its checksum, and how long it is with what stands before it.

    Remembered by just these bytes: the same few come with every row.
    """
    _, tag, size = _NAME.unpack_from(data, pos)
    if tag != f.CELL_NAME:
        raise _wrong_tag(tag, f.CELL_NAME)
    head = data[pos : pos + _NAME.size + size]
    raw = head[_NAME.size :]
    found = raw.decode(), f.crc8(raw), len(head)
    if len(_NAMES) < _NAMES_KEPT and len(raw) == size:
        _NAMES[head] = found
    return found


def _op(op: int) -> f.CellOp:
    if op not in _OPS:
        raise ParameterInvalid(f"Invalid op type of cell: {op}.")
    return _OPS[op]


def _wrong_tag(given: int, expected: int) -> ParameterInvalid:
    return ParameterInvalid(
        f"Cell data broken, mismatch tag, actual tag({given:#x}), expect({expected:#x})."
    )


def _wrong_checksum(given: int, check: int) -> ParameterInvalid:
    return ParameterInvalid(f"Cell data broken, checksum is mismatch, {given} :{check} :")
