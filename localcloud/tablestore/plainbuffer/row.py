"""A row as it stands in a request or in storage, decoded."""

from typing import NamedTuple

from tablestore_memory.localcloud.tablestore.contract import Value
from tablestore_memory.localcloud.tablestore.plainbuffer.format import Bound, CellOp

KeyPart = Value | Bound

new_tuple = tuple.__new__  # half the time of a NamedTuple's own constructor; there is one a cell


class CellChange(NamedTuple):
    """One attribute cell of a request: a value to put, or what else to do to the column."""

    name: str
    value: Value | None
    timestamp: int | None  # ms
    op: CellOp | None


class Row(NamedTuple):
    """A row as a request carries it."""

    key: list[tuple[str, KeyPart]]
    cells: list[CellChange]
    delete: bool
    size_bytes: int  # of names and values, as limits and capacity units count them
    is_plain: bool  # every cell is a value without a timestamp, as most rows are put
