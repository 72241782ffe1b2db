"""Some columns of a row as it is stored, without a look into the others.

A search gives a few columns of a hundred rows, each with a vector of some 20 KB of text; most reads give cells
just as they are stored. Checksums are not looked at: what is stored was checked when it came.
"""

from collections.abc import Collection, Iterable, Iterator
from struct import Struct

from tablestore_memory.localcloud.tablestore.contract import Columns
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import decode_value

_NAME = Struct("<BBI")  # CELL, CELL_NAME, length of the name
_VALUE = Struct("<BI")  # CELL_VALUE, length of the variant
_STAMP_BYTES, _CHECKSUM_BYTES = 9, 2  # with their tags

_Cell = tuple[bytes, int, int, int, int]
"""A name, and where the cell begins, where its variant begins and ends, and where it ends itself."""


def pick(bare: bytes, names: Iterable[str]) -> Columns | None:
    """Those of the columns that the row has; None if one has several versions, which this does not tell apart."""
    wanted = {name.encode(): name for name in names}
    found: Columns = {}
    for name, _, value, stop, _ in _cells(bare):
        if name in wanted:
            if wanted[name] in found:
                return None
            found[wanted[name]] = decode_value(bare[value:stop])
    return found


def cut(bare: bytes, key_columns: int, names: Collection[bytes]) -> tuple[bytes, int] | None:
    """The row with these columns alone, or with all if none is named, and how many bytes its names and values are.

    None if it has none of them, several versions of one, or one without a timestamp.
    """
    parts, checks, size_bytes, seen = [b""], bytearray(), 0, set[bytes]()
    for number, (name, start, value, stop, end) in enumerate(_cells(bare)):
        if number == key_columns:
            parts[0] = bare[:start]
        if number >= key_columns:
            if names and name not in names:
                continue
            if name in seen or end - stop == _CHECKSUM_BYTES:
                return None
            seen.add(name)
            parts.append(bare[start:end])
        checks.append(bare[end - 1])
        size_bytes += len(name) + stop - value - (5 if bare[value] in f.SIZED else 1)
    if not seen:
        return None
    checks.append(0)  # not a delete marker
    parts.append(bytes((f.ROW_CHECKSUM, f.crc8(bytes(checks)))))
    return b"".join(parts), size_bytes


def _cells(bare: bytes) -> Iterator[_Cell]:
    """Those of the key, then those of the columns. One loop, for calls would double the time."""
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
