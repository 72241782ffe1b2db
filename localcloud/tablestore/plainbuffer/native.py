"""The C parser that the SDK brings along: most rows, in a tenth of the time.

It knows neither what a cell does besides putting a value nor how a row ends, so a row is taken from
it only if its values account for every byte of the data. What else there is (operations, delete
markers, bounds, binaries, errors) is left to `decode.py`. It is lax where the row stays the same: in
the length before a value, which is told again inside, and in which byte is true. The parser loads
on Linux of x86-64 and, for some versions, on macOS.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from tablestore.native import NATIVE_AVAILABLE, parse_single_row

from tablestore_memory.localcloud.tablestore.plainbuffer.row import CellChange, Row, new_tuple

IS_AVAILABLE: bool = NATIVE_AVAILABLE

_SHORTEST = 16  # bytes; of less the parser would read past the end
_FRAME = 7  # header, tag of the key, tag and checksum of the row
_CELL = 14  # tags, lengths, type and checksum around a name and a value
_LENGTH = 4  # of a string or binary, told once more
_STAMP = 9


def decode(data: bytes) -> Row | None:
    """The one row behind a header, or None if it is not for this parser to read."""
    if len(data) < _SHORTEST:
        return None
    try:
        key, cells = parse_single_row(data)
        size_bytes, framed_bytes = _measure(key + cells)
        stamped = sum(map(len, cells)) - 2 * len(cells)  # a cell with a timestamp has three parts
    except Exception:  # noqa: BLE001 whatever it is, our own decoder knows the words for it
        return None
    if not key or _FRAME + bool(cells) + framed_bytes + _STAMP * stamped != len(data):
        return None
    changes = [
        new_tuple(CellChange, (cell[0], cell[1], cell[2] if len(cell) == 3 else None, None))
        for cell in cells
    ]
    return Row(key, changes, False, size_bytes, is_plain=not stamped)


def _measure(cells: Sequence[Any]) -> tuple[int, int]:
    """The bytes of all names and values, and the same with what stands around each of them.

    Raises ValueError or TypeError for what is neither text nor a number.
    """
    texts = [cell[1] for cell in cells if type(cell[1]) is str]
    numbers = [cell[1] for cell in cells if type(cell[1]) is not str]
    text = "".join([cell[0] for cell in cells] + texts)
    size_bytes = len(text) if text.isascii() else len(text.encode())
    for value in numbers:
        if not isfinite(value):
            raise ValueError(value)
        size_bytes += 1 if type(value) is bool else 8
    return size_bytes, size_bytes + _CELL * len(cells) + _LENGTH * len(texts)
