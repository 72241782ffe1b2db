"""PlainBuffer: how rows travel inside requests and responses, written from the public format."""

from tablestore_memory.localcloud.tablestore.plainbuffer.decode import (
    CellChange,
    KeyPart,
    Row,
    decode_bare_row,
    decode_row,
)
from tablestore_memory.localcloud.tablestore.plainbuffer.encode import (
    Cell,
    encode_bare_row,
    encode_row,
    with_header,
)
from tablestore_memory.localcloud.tablestore.plainbuffer.format import Bound, CellOp
from tablestore_memory.localcloud.tablestore.plainbuffer.variant import decode_value, encode_value

__all__ = [
    "Bound",
    "Cell",
    "CellChange",
    "CellOp",
    "KeyPart",
    "Row",
    "decode_bare_row",
    "decode_row",
    "decode_value",
    "encode_bare_row",
    "encode_row",
    "encode_value",
    "with_header",
]
