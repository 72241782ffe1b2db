"""PlainBuffer bytes to rows. What is not exactly the format raises ParameterInvalid.

Every cell and row carries a checksum; lengths and tags are checked against what follows them, so
that a changed byte is an error and never a different row.
"""

from struct import Struct
from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import decode_value

_LENGTH = Struct("<i")
_STAMP = Struct("<q")
_HEADER = f.HEADER.to_bytes(4, "little")

KeyPart = Value | f.Bound


class CellChange(NamedTuple):
    """One attribute cell of a request: a value to put, or what else to do to the column."""

    name: str
    value: Value | None
    timestamp: int | None  # ms
    op: f.CellOp | None


class Row(NamedTuple):
    """A row as a request carries it."""

    key: list[tuple[str, KeyPart]]
    cells: list[CellChange]
    delete: bool


class _Reader:
    __slots__ = ("checks", "data", "pos")

    def __init__(self, data: bytes, pos: int) -> None:
        self.data = data
        self.pos = pos
        self.checks = bytearray()  # of the cells read so far: the row's checksum covers them

    def tag(self) -> int:
        """The tag at hand, or 0 at the end."""
        return self.data[self.pos] if self.pos < len(self.data) else 0

    def expect(self, tag: int) -> None:
        if self.tag() != tag:
            raise ParameterInvalid(
                f"Cell data broken, mismatch tag, actual tag({self.tag():#x}), expect({tag:#x})."
            )
        self.pos += 1

    def take(self, size: int) -> bytes:
        end = self.pos + size
        if size < 0 or end > len(self.data):
            raise ParameterInvalid("data format is invalid.")
        taken = self.data[self.pos : end]
        self.pos = end
        return taken

    def sized(self) -> bytes:
        return self.take(_LENGTH.unpack(self.take(4))[0])

    def byte(self) -> int:
        return self.take(1)[0]

    def cell(self) -> tuple[str, KeyPart | None, int | None, f.CellOp | None]:
        self.expect(f.CELL)
        self.expect(f.CELL_NAME)
        name = self.sized()
        check = f.crc8(name)
        value, op, stamp = None, None, b""
        if self.tag() == f.CELL_VALUE:
            self.pos += 1
            raw = self.sized()
            check = f.crc8(raw, check)
            value = decode_value(raw)
        if self.tag() == f.CELL_OP:
            self.pos += 1
            op = self.byte()
        if self.tag() == f.CELL_TIMESTAMP:
            self.pos += 1
            stamp = self.take(8)
            check = f.crc8(stamp, check)
        if op is not None:  # covered after the timestamp, though it stands before it
            check = f.crc8(bytes((op,)), check)
        self.expect(f.CELL_CHECKSUM)
        self.checks.append(self.verify(check))
        return _text(name), value, _STAMP.unpack(stamp)[0] if stamp else None, _op(op)

    def verify(self, check: int) -> int:
        given = self.byte()
        if given != check:
            raise ParameterInvalid(f"Cell data broken, checksum is mismatch, {given} :{check} :")
        return check


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise ParameterInvalid(
            f"Cell data broken, wrong string format, size: {len(name)}."
        ) from error


def _op(op: int | None) -> f.CellOp | None:
    try:
        return None if op is None else f.CellOp(op)
    except ValueError as error:
        raise ParameterInvalid(f"Invalid op type of cell: {op}.") from error


def _key_cell(reader: _Reader) -> tuple[str, KeyPart]:
    name, value, timestamp, op = reader.cell()
    if value is None:
        raise ParameterInvalid(f"No value is given for primary key name:'{name}'.")
    if timestamp is not None:
        raise ParameterInvalid(f"Timestamp cannot be given for primary key name:'{name}'.")
    if op is not None:
        raise ParameterInvalid(f"OpType cannot be given for primary key name :'{name}'.")
    return name, value


def _attribute(reader: _Reader) -> CellChange:
    name, value, timestamp, op = reader.cell()
    if isinstance(value, f.Bound):
        raise ParameterInvalid("data format is invalid, unknown variant type occured.")
    return CellChange(name, value, timestamp, op)


def _row(reader: _Reader) -> Row:
    reader.checks.clear()
    reader.expect(f.ROW_PK)
    key: list[tuple[str, KeyPart]] = []
    cells: list[CellChange] = []
    while reader.tag() == f.CELL:
        key.append(_key_cell(reader))
    if reader.tag() == f.ROW_DATA:
        reader.pos += 1
        while reader.tag() == f.CELL:
            cells.append(_attribute(reader))
    delete = reader.tag() == f.DELETE_ROW_MARKER
    reader.pos += delete
    reader.checks.append(delete)
    reader.expect(f.ROW_CHECKSUM)
    reader.verify(f.crc8(bytes(reader.checks)))
    return Row(key, cells, delete)


def decode_row(data: bytes) -> Row:
    """The one row behind a header."""
    if data[:4] != _HEADER:
        actual = int.from_bytes(data[:4], "little")
        raise ParameterInvalid(
            f"Cell data broken, mismatch header, actual: {actual} , expect: {f.HEADER}."
        )
    return decode_bare_row(data, 4)


def decode_bare_row(data: bytes, start: int = 0) -> Row:
    """The one row that begins at `start` and ends with the data, no header before it."""
    reader = _Reader(data, start)
    row = _row(reader)
    if reader.pos != len(data):
        raise ParameterInvalid("Cell data broken, has more data in cell, but they can't be parsed.")
    return row
