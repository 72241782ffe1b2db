"""BatchWriteRow and BatchGetRow: many rows in one request, each with its own outcome."""

from collections.abc import Callable, Sequence
from typing import Any

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import changes, limits, reads
from tablestore_memory.localcloud.tablestore.changes import Change
from tablestore_memory.localcloud.tablestore.errors import OTSError, ParameterInvalid
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.operations.rows import (
    ReadKey,
    answers,
    check_size,
    fill_read,
    fill_written,
    parse_key,
    refuse_transaction,
)

FailRow = Callable[[], OTSError | None]  # asked once for each row: does this one fail?


def batch_write_row(
    instance: Instance, request: pb.BatchWriteRowRequest, fail_row: FailRow
) -> pb.BatchWriteRowResponse:
    refuse_transaction(request)
    _check_write(request.tables)
    parsed = [(table.table_name, _parse(table)) for table in request.tables]
    check_size("BatchWriteRow", sum(c.size_bytes for _, rows in parsed for c in rows))
    asked = [(name, change, fail_row()) for name, rows in parsed for change in rows]
    done = iter(instance.rows.write([(name, change) for name, change, fault in asked if not fault]))
    outcomes = iter([(change, fault or next(done)) for _, change, fault in asked])
    response = pb.BatchWriteRowResponse()
    for name, rows in parsed:
        answered = response.tables.add(table_name=name)
        for _ in rows:
            change, outcome = next(outcomes)
            if isinstance(outcome, OTSError):
                _fail(answered.rows.add(is_ok=False), outcome)
            else:
                fill_written(answered.rows.add(is_ok=True), change, outcome)
    return response


def batch_get_row(
    instance: Instance, request: pb.BatchGetRowRequest, fail_row: FailRow
) -> pb.BatchGetRowResponse:
    _check_read(request.tables)
    parsed = [_parse_reads(table) for table in request.tables]
    response = pb.BatchGetRowResponse()
    for table, (read, keys) in zip(request.tables, parsed, strict=True):
        answered = response.tables.add(table_name=table.table_name)
        for answer in answers(instance, table.table_name, keys, read):
            outcome = fail_row() or answer
            if isinstance(outcome, OTSError):
                _fail(answered.rows.add(is_ok=False), outcome)
            else:
                fill_read(answered.rows.add(is_ok=True), outcome)
    return response


def _parse_reads(table: pb.TableInBatchGetRowRequest) -> tuple[reads.Read, list[ReadKey]]:
    """Raises ParameterInvalid, UnsupportOperation."""
    for token in table.token:
        reads.refuse_token(token)
    return reads.parse(table), [parse_key(raw) for raw in table.primary_key]


def _parse(table: pb.TableInBatchWriteRowRequest) -> list[Change]:
    """Raises ParameterInvalid."""
    return [changes.parse(r.type, r.row_change, r.condition, r.return_content) for r in table.rows]


def _check_write(tables: Sequence[Any]) -> None:
    """Raises ParameterInvalid."""
    if not tables:
        raise ParameterInvalid("No row is specified in BatchWriteRow.")
    _check_names(tables)
    for table in tables:
        if not table.rows:
            raise ParameterInvalid(f"No operation is specified for table: '{table.table_name}'.")
    _check_count(sum(len(table.rows) for table in tables), limits.ROWS_OF_BATCH_WRITE)


def _check_read(tables: Sequence[Any]) -> None:
    """Raises ParameterInvalid. A table without rows is answered without rows."""
    if not tables:
        raise ParameterInvalid("No row specified in the request of BatchGetRow.")
    _check_names(tables)
    _check_count(sum(len(table.primary_key) for table in tables), limits.ROWS_OF_BATCH_GET)


def _check_names(tables: Sequence[Any]) -> None:
    names = [table.table_name for table in tables]
    for name in names:
        limits.check_table_name(name)
        if names.count(name) > 1:
            raise ParameterInvalid(f"Duplicated table name: '{name}'.")


def _check_count(rows: int, most: int) -> None:
    if rows > most:
        raise ParameterInvalid(f"Rows count exceeds the upper limit: {most}.")


def _fail(row: Any, error: OTSError) -> None:
    row.error.code = error.code
    row.error.message = error.message
