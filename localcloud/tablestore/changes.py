"""One write as a request asks for it: decoded, and checked against all that needs no table.

What is wrong here fails the whole request, in BatchWriteRow too; what the table or the row decides
(keys, conditions) fails the row alone. Source: API reference, "BatchWriteRow".
"""

from typing import NamedTuple

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import filters, limits
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.keys import refuse_bounds
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    CellChange,
    CellOp,
    KeyPart,
    Row,
    decode_row,
)

_MAX_TIMESTAMP_MS = (2**63 - 1) // 1000


class Change(NamedTuple):
    """A PutRow, UpdateRow or DeleteRow."""

    type: int  # pb.PUT, pb.UPDATE or pb.DELETE
    key: list[tuple[str, KeyPart]]
    cells: list[CellChange]
    row_existence: int
    condition: filters.Predicate | None
    return_content: pb.ReturnContent
    size_bytes: int

    @property
    def reads(self) -> bool:
        """Whether the row must be looked at before it is written."""
        return self.row_existence != pb.IGNORE or self.condition is not None

    @property
    def only_deletes(self) -> bool:
        """Whether it is an UpdateRow without anything to make a row of."""
        return self.type == pb.UPDATE and all(cell.value is None for cell in self.cells)


def parse(kind: int, raw_row: bytes, condition: pb.Condition, returns: pb.ReturnContent) -> Change:
    """Raises ParameterInvalid."""
    row = decode_row(raw_row)
    refuse_bounds(row.key)
    _CHECKS[kind](row)
    predicate = None
    if condition.HasField("column_condition"):
        predicate = filters.parse(condition.column_condition)
    size = _check_cells(row)
    return Change(kind, row.key, row.cells, condition.row_existence, predicate, returns, size)


def _check_cells(row: Row) -> int:
    """The size of the row in bytes. Raises ParameterInvalid."""
    if len(row.cells) > limits.COLUMNS_OF_A_ROW:
        raise ParameterInvalid(
            f"The number of attribute columns exceeds the limit, limit count: "
            f"{limits.COLUMNS_OF_A_ROW}, column count: {len(row.cells)}."
        )
    keys = {name for name, _ in row.key}
    size = 0
    for name, value in row.key:
        limits.check_column_name(name)
        if isinstance(value, (str, bytes, bool, int, float)):
            value_size = limits.value_bytes(value)
            limits.check_key_size(name, value_size)
            size += len(name) + value_size
    for cell in row.cells:
        size += _check_cell(cell, keys)
    return size


def _check_cell(cell: CellChange, keys: set[str]) -> int:
    name = cell.name
    limits.check_column_name(name)
    if name in keys:
        raise ParameterInvalid(
            f"Duplicated attribute column name with primary key column: '{name}'."
        )
    if cell.timestamp is not None and not 0 <= cell.timestamp < _MAX_TIMESTAMP_MS:
        raise ParameterInvalid("Timestamp must be in range [0, INT64_MAX/1000).")
    if cell.value is None:
        return len(name)
    size = limits.value_bytes(cell.value)
    limits.check_column_size(name, size)
    return len(name) + size


def _check_put(row: Row) -> None:
    _refuse_marker(row)
    for cell in row.cells:
        if cell.op is not None:
            raise ParameterInvalid(
                f"OpType cannot be given for column name:'{cell.name}' in PutRow."
            )
        if cell.value is None:
            raise ParameterInvalid("Invalid request of put row: find cells without values.")


def _check_update(row: Row) -> None:
    _refuse_marker(row)
    if not row.cells:
        raise ParameterInvalid("Attribute column is missing.")
    for cell in row.cells:
        _check_update_cell(cell)


def _check_update_cell(cell: CellChange) -> None:
    if cell.op in (None, CellOp.INCREMENT):
        if cell.value is None:
            raise ParameterInvalid(f"Invalid cell: '{cell.name}'. Reason: missing value.")
        return
    if cell.value is not None:
        raise ParameterInvalid(
            "Column value cannot be given when type is DELETE_ONE_VERSION,DELETE_ALL_VERSION."
        )
    if cell.op is CellOp.DELETE_ONE_VERSION and cell.timestamp is None:
        raise ParameterInvalid("Timestamp must be given when type is DELETE_ONE_VERSION.")
    if cell.op is CellOp.DELETE_ALL_VERSIONS and cell.timestamp is not None:
        raise ParameterInvalid("Timestamp cannot be given when type is DELETE_ALL_VERSION.")


def _check_delete(row: Row) -> None:
    if not row.delete:
        raise ParameterInvalid("Invalid request of delete row: missing RowDeleteMarker in request.")
    if row.cells:
        raise ParameterInvalid("Invalid delete row request: unexpected cells in request.")


def _refuse_marker(row: Row) -> None:
    if row.delete:
        raise ParameterInvalid(
            "Invalid request of put/update row: unexpected RowDeleteMarker in request."
        )


_CHECKS = {pb.PUT: _check_put, pb.UPDATE: _check_update, pb.DELETE: _check_delete}
