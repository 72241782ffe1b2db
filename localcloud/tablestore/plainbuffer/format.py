"""The constants of PlainBuffer, and its checksum.

Source: Tablestore API reference, "PlainBuffer".
"""

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Final

from fastcrc import crc8 as _crc8

# CRC-8 with polynomial 0x07, from 0: what catalogues call CRC-8/SMBUS. `crc8(data, so_far)`.
crc8: Final[Callable[..., int]] = _crc8.smbus

HEADER: Final = 0x75  # little-endian int32 before the first row
HEADER_BYTES: Final = HEADER.to_bytes(4, "little")

ROW_PK: Final = 0x01
ROW_DATA: Final = 0x02
CELL: Final = 0x03
CELL_NAME: Final = 0x04
CELL_VALUE: Final = 0x05
CELL_OP: Final = 0x06
CELL_TIMESTAMP: Final = 0x07
DELETE_ROW_MARKER: Final = 0x08
ROW_CHECKSUM: Final = 0x09
CELL_CHECKSUM: Final = 0x0A

VT_INTEGER: Final = 0x0
VT_DOUBLE: Final = 0x1
VT_BOOLEAN: Final = 0x2
VT_STRING: Final = 0x3
VT_NULL: Final = 0x6
VT_BLOB: Final = 0x7
VT_INF_MIN: Final = 0x9
VT_INF_MAX: Final = 0xA
VT_AUTO_INCREMENT: Final = 0xB
SIZED: Final = (VT_STRING, VT_BLOB)  # those that tell their length


class CellOp(IntEnum):
    """What a cell of an update does."""

    DELETE_ALL_VERSIONS = 0x1
    DELETE_ONE_VERSION = 0x3
    INCREMENT = 0x4


class Bound(Enum):
    """What a primary key column may hold besides a value."""

    INF_MIN = VT_INF_MIN
    INF_MAX = VT_INF_MAX
    AUTO_INCREMENT = VT_AUTO_INCREMENT
