"""Some columns of a row as it is stored, without a look into the others.

A search gives a few columns of a hundred rows, each with a vector of some 20 KB of text; most reads give cells
just as they are stored. Checksums are not looked at: they were when it came.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.plainbuffer import format as f

_NAME_AT = 6  # after CELL, CELL_NAME and the length of the name
_VARIANT_AT = 5  # after CELL_VALUE and the length of the variant
_name_bytes = Struct("<xxI").unpack_from
# The length of the variant; its type, and its own length if it tells one.
_value = Struct("<xIBI").unpack_from
_STAMP_BYTES, _CHECKSUM_BYTES = 9, 2  # with their tags
_ROW_DATA = bytes((f.ROW_DATA,))
# Looked at for every cell.
_CELL, _STAMP, _END = f.CELL, f.CELL_TIMESTAMP, f.ROW_CHECKSUM
_SIZED, _BOOLEAN = f.SIZED, f.VT_BOOLEAN

_crc_of_name = lru_cache(1_024)(f.crc8)

_Cell = tuple[bytes, int, int, int, int, int]
"""A name, where the cell begins, where its variant begins and ends, and where it ends itself; and the bytes of its
name and value, as capacity units count them. Plain, as there are twenty in each of hundreds of rows."""


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
    try:
        cells = list(_cells(bare))
    except _Disagreement:
        return None
    key = cells[:key_columns]
    chosen = sorted(cell for cell in cells[key_columns:] if not names or cell[0] in names)
    if not chosen or len({cell[0] for cell in chosen}) < len(chosen):
        return None
    if stamped and not all(_has_stamp(cell) for cell in chosen):
        return None
    kept = [bare[cell[1] : cell[4]] if stamped else _unstamped(bare, cell) for cell in chosen]
    # Of each cell the last byte is its checksum; the row has no delete marker.
    checks = bytes([*(bare[cell[4] - 1] for cell in key), *(cell[-1] for cell in kept), 0])
    end_of_row = bytes((_END, f.crc8(checks)))
    row = b"".join((bare[: key[-1][4]], _ROW_DATA, *kept, end_of_row))
    return Cut(row, sum([cell[5] for cell in key + chosen]))


class _Disagreement(Exception):
    """A cell tells two lengths of its value."""


def _has_stamp(cell: _Cell) -> bool:
    return cell[4] - cell[3] > _CHECKSUM_BYTES


def _unstamped(bare: bytes, cell: _Cell) -> bytes:
    name, start, value, stop, _, _ = cell
    check = f.crc8(bare[value:stop], _crc_of_name(name))
    return bare[start:stop] + bytes((f.CELL_CHECKSUM, check))


def _cells(bare: bytes) -> Iterator[_Cell]:
    """Those of the key, then those of the columns. Raises _Disagreement."""
    pos = 0
    while (tag := bare[pos]) != _END:
        if tag != _CELL:  # the tag before the key, or before the columns
            pos += 1
            continue
        start, name = pos, pos + _NAME_AT
        end = name + _name_bytes(bare, pos)[0]
        length, kind, told = _value(bare, end)
        size = told if kind in _SIZED else 1 if kind == _BOOLEAN else 8
        if length != (size + 5 if kind in _SIZED else size + 1):
            raise _Disagreement
        value = end + _VARIANT_AT
        stop = value + length
        pos = stop + _CHECKSUM_BYTES
        if bare[stop] == _STAMP:
            pos += _STAMP_BYTES
        yield bare[name:end], start, value, stop, pos, end - name + size
