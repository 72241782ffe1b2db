"""Some columns of a row as it is stored, without a look at the others.

A search gives a few columns of a hundred rows, each with a vector of some 20 KB of text. Checksums are not looked
at: what is stored was checked when it came.
"""

from collections.abc import Iterable
from struct import Struct

from tablestore_memory.localcloud.tablestore.contract import Columns
from tablestore_memory.localcloud.tablestore.plainbuffer import format as f
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import decode_value

_NAME = Struct("<BBI")  # CELL, CELL_NAME, length of the name
_VALUE = Struct("<BI")  # CELL_VALUE, length of the variant
_STAMP_BYTES, _CHECKSUM_BYTES = 9, 2  # with their tags


def pick(bare: bytes, names: Iterable[str]) -> Columns | None:
    """Those of the columns that the row has; None if one has several versions, which this cannot tell apart.

    One loop, for calls would double the time.
    """
    wanted = {name.encode(): name for name in names}
    found: Columns = {}
    pos = 0
    while bare[pos] != f.ROW_CHECKSUM:
        if bare[pos] != f.CELL:  # the tag before the key, or before the columns
            pos += 1
            continue
        start = pos + _NAME.size
        end = start + _NAME.unpack_from(bare, pos)[2]
        value = end + _VALUE.size
        pos = value + _VALUE.unpack_from(bare, end)[1]
        if name := wanted.get(bare[start:end]):
            if name in found:
                return None
            found[name] = decode_value(bare[value:pos])
        if bare[pos] == f.CELL_TIMESTAMP:
            pos += _STAMP_BYTES
        pos += _CHECKSUM_BYTES
    return found
