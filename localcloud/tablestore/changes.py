"""One write as a request asks for it: decoded, and checked against all that needs no table.

What is wrong here fails the whole request, in BatchWriteRow too; what the table or the row decides
(keys, conditions) fails the row alone. Source: API reference, "BatchWriteRow".
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import filters, limits
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.keys import refuse_bounds
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    HEADER_BYTES,
    Bound,
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
    is_plain: bool  # no cell says its timestamp, or anything but a value
    bare: bytes  # as it came, without header

    @property
    def reads(self) -> bool:
        """Whether the row must be looked at before it is written."""
        return self.row_existence != pb.IGNORE or self.condition is not None

    @property
    def replaces(self) -> bool:
        """Whether it is a plain PutRow, to which all that may matter of an earlier row is its presence."""
        return (
            self.type == pb.PUT
            and self.is_plain
            and self.condition is None
            and self.row_existence != pb.EXPECT_EXIST
            and self.return_content.return_type != pb.RT_AFTER_MODIFY
        )

    @property
    def only_deletes(self) -> bool:
        """Whether it is an UpdateRow without anything to make a row of."""
        return self.type == pb.UPDATE and all(cell.value is None for cell in self.cells)


def parse(kind: int, raw_row: bytes, condition: pb.Condition, returns: pb.ReturnContent) -> Change:
    """Raises ParameterInvalid."""
    row = decode_row(raw_row)
    refuse_bounds(row.key)
    _CHECKS[kind](row)
    _check_cells(row)
    predicate = None
    if condition.HasField("column_condition"):
        predicate = filters.parse(condition.column_condition)
    return Change(
        kind,
        row.key,
        row.cells,
        condition.row_existence,
        predicate,
        returns,
        row.size_bytes,
        row.is_plain,
        raw_row[len(HEADER_BYTES) :],
    )


def _check_cells(row: Row) -> None:
    """Raises ParameterInvalid."""
    if len(row.cells) > limits.COLUMNS_OF_A_ROW:
        raise ParameterInvalid(
            f"The number of attribute columns exceeds the limit, limit count: "
            f"{limits.COLUMNS_OF_A_ROW}, column count: {len(row.cells)}."
        )
    _check_names(tuple([part[0] for part in row.key]), tuple([cell[0] for cell in row.cells]))
    if not row.is_plain:
        _check_timestamps(row.cells)
    if row.size_bytes > limits.KEY_VALUE_BYTES:  # else there is none too large among them
        _check_sizes(row)


@lru_cache(maxsize=1024)  # rows of a table mostly have the same columns
def _check_names(key: tuple[str, ...], columns: tuple[str, ...]) -> None:
    for name in key:
        limits.check_column_name(name)
    for name in columns:
        limits.check_column_name(name)
        if name in key:
            raise ParameterInvalid(
                f"Duplicated attribute column name with primary key column: '{name}'."
            )


def _check_timestamps(cells: Iterable[CellChange]) -> None:
    for cell in cells:
        if cell.timestamp is not None and not 0 <= cell.timestamp < _MAX_TIMESTAMP_MS:
            raise ParameterInvalid("Timestamp must be in range [0, INT64_MAX/1000).")


def _check_sizes(row: Row) -> None:
    for name, value in row.key:
        if not isinstance(value, Bound):
            limits.check_key_size(name, limits.value_bytes(value))
    for cell in row.cells:
        if cell.value is not None:
            limits.check_column_size(cell.name, limits.value_bytes(cell.value))


def _check_put(row: Row) -> None:
    _refuse_marker(row)
    if row.is_plain:
        return
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
