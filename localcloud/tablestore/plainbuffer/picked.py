"""Some columns of a row as it is stored, without a look into the others.

A search gives a few columns of a hundred rows, each with a vector of some 20 KB of text; most reads give cells
just as they are stored. Checksums are not looked at: they were when it came.
"""

from collections.abc import Collection, Iterator
from struct import Struct
from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.plainbuffer import format as f

_NAME = Struct("<BBI")  # CELL, CELL_NAME, length of the name
_VALUE = Struct("<BI")  # CELL_VALUE, length of the variant
_STAMP_BYTES, _CHECKSUM_BYTES = 9, 2  # with their tags
_ROW_DATA = bytes((f.ROW_DATA,))

_Cell = tuple[bytes, int, int, int, int]
"""A name, and where the cell begins, where its variant begins and ends, and where it ends itself."""


class Cut(NamedTuple):
    """A row without header, and the bytes of its names and values, as capacity units count them."""

    bare: bytes
    size_bytes: int


def cut(
    bare: bytes, key_columns: int, names: Collection[bytes], *, stamped: bool = True
) -> Cut | None:
    """The row with these columns alone, or with all if none is named, in order; with timestamps or without.

    None if it has none of them, several versions of one, one without a timestamp that is to be told, or a
    cell whose lengths do not agree.
    """
    key_end, checks, size_bytes = 0, bytearray(), 0
    cells: dict[bytes, bytes] = {}
    for number, (name, start, value, stop, end) in enumerate(_cells(bare)):
        if stop - value != _told_bytes(bare, value):
            return None
        if number < key_columns:
            key_end = end
            checks.append(bare[end - 1])
        elif names and name not in names:
            continue
        elif name in cells or (stamped and end - stop == _CHECKSUM_BYTES):
            return None
        else:
            cells[name] = bare[start:end] if stamped else _unstamped(bare, name, start, value, stop)
        size_bytes += len(name) + stop - value - (5 if bare[value] in f.SIZED else 1)
    if not cells:
        return None
    kept = [cells[name] for name in sorted(cells)]
    checks += bytes([cell[-1] for cell in kept])
    checks.append(0)  # not a delete marker
    end_of_row = bytes((f.ROW_CHECKSUM, f.crc8(bytes(checks))))
    return Cut(b"".join((bare[:key_end], _ROW_DATA, *kept, end_of_row)), size_bytes)


def _told_bytes(bare: bytes, value: int) -> int:
    """How long a variant is by its type, and its own length if it tells one."""
    kind = bare[value]
    if kind in f.SIZED:
        return _VALUE.size + int(_VALUE.unpack_from(bare, value)[1])
    return 2 if kind == f.VT_BOOLEAN else 9


def _unstamped(bare: bytes, name: bytes, start: int, value: int, stop: int) -> bytes:
    check = f.crc8(bare[value:stop], f.crc8(name))
    return bare[start:stop] + bytes((f.CELL_CHECKSUM, check))


def _cells(bare: bytes) -> Iterator[_Cell]:
    """Those of the key, then those of the columns."""
    pos = 0
    while bare[pos] != f.ROW_CHECKSUM:
        if bare[pos] != f.CELL:  # the tag before the key, or before the columns
            pos += 1
            continue
        start, name = pos, pos + _NAME.size
        end = name + _NAME.unpack_from(bare, pos)[2]
        value = end + _VALUE.size
        stop = value + _VALUE.unpack_from(bare, end)[1]
        pos = stop + _CHECKSUM_BYTES
        if bare[stop] == f.CELL_TIMESTAMP:
            pos += _STAMP_BYTES
        yield bare[name:end], start, value, stop, pos
