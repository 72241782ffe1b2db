"""PlainBuffer: how rows travel inside requests and responses, written from the public format."""

from tablestore_memory.localcloud.tablestore.plainbuffer import decode, native
from tablestore_memory.localcloud.tablestore.plainbuffer.encode import (
    Cell,
    encode_bare_row,
    encode_row,
    with_header,
)
from tablestore_memory.localcloud.tablestore.plainbuffer.format import HEADER_BYTES, Bound, CellOp
from tablestore_memory.localcloud.tablestore.plainbuffer.picked import Cut, cut
from tablestore_memory.localcloud.tablestore.plainbuffer.row import CellChange, KeyPart, Row
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import decode_value, encode_value


def decode_row(data: bytes) -> Row:
    """The one row behind a header. Raises ParameterInvalid."""
    return (native.IS_AVAILABLE and native.decode(data)) or decode.decode(data)


def decode_bare_row(bare: bytes) -> Row:
    """The one row, no header before it."""
    return decode_row(HEADER_BYTES + bare)


__all__ = [
    "HEADER_BYTES",
    "Bound",
    "Cell",
    "CellChange",
    "CellOp",
    "Cut",
    "KeyPart",
    "Row",
    "cut",
    "decode_bare_row",
    "decode_row",
    "decode_value",
    "encode_bare_row",
    "encode_row",
    "encode_value",
    "with_header",
]
