"""PutRow, UpdateRow, DeleteRow, GetRow, GetRange."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import changes, limits, ranges, reads, records
from tablestore_memory.localcloud.tablestore.changes import Change
from tablestore_memory.localcloud.tablestore.errors import (
    OTSError,
    ParameterInvalid,
    UnsupportOperation,
)
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.keys import check_row_key, refuse_bounds
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    KeyPart,
    decode_row,
    encode_bare_row,
    with_header,
)
from tablestore_memory.localcloud.tablestore.rows import Written, capacity_units
from tablestore_memory.localcloud.tablestore.schema import Table

ReadKey = list[tuple[str, KeyPart]]


def put_row(instance: Instance, request: pb.PutRowRequest) -> pb.PutRowResponse:
    change = changes.parse(pb.PUT, request.row, request.condition, request.return_content)
    check_size("PutRow", change.size_bytes)
    return _write(instance, request, change, pb.PutRowResponse())


def update_row(instance: Instance, request: pb.UpdateRowRequest) -> pb.UpdateRowResponse:
    raw, returns = request.row_change, request.return_content
    change = changes.parse(pb.UPDATE, raw, request.condition, returns)
    check_size("UpdateRow", change.size_bytes)
    return _write(instance, request, change, pb.UpdateRowResponse())


def delete_row(instance: Instance, request: pb.DeleteRowRequest) -> pb.DeleteRowResponse:
    raw, returns = request.primary_key, request.return_content
    change = changes.parse(pb.DELETE, raw, request.condition, returns)
    return _write(instance, request, change, pb.DeleteRowResponse())


def get_row(instance: Instance, request: pb.GetRowRequest) -> pb.GetRowResponse:
    refuse_transaction(request)
    reads.refuse_token(request.token)
    read = reads.parse(request)
    response = pb.GetRowResponse()
    [answer] = answers(instance, request.table_name, [parse_key(request.primary_key)], read)
    if isinstance(answer, OTSError):
        raise answer
    fill_read(response, answer)
    return response


def get_range(instance: Instance, request: pb.GetRangeRequest) -> pb.GetRangeResponse:
    refuse_transaction(request)
    table = instance.tables.get(request.table_name)
    return ranges.get_range(instance.storage, table, request, instance.rows.now_ms())


def _write(instance: Instance, request: Any, change: Change, response: Any) -> Any:
    refuse_transaction(request)
    [result] = instance.rows.write([(request.table_name, change)])
    if isinstance(result, OTSError):
        raise result
    fill_written(response, change, result)
    return response


def fill_written(response: Any, change: Change, written: Written) -> None:
    """Capacity units, and of the row what the request wants back."""
    response.consumed.CopyFrom(_consumed(written.read_units, written.write_units))
    wanted = change.return_content
    if wanted.return_type == pb.RT_PK:
        response.row = with_header([encode_bare_row(written.key, [])])
    elif wanted.return_type == pb.RT_AFTER_MODIFY and written.record:
        cells = written.record.cells
        returned = [
            (name, value, stamp)
            for name in wanted.return_column_names
            for stamp, value in cells.get(name, [])[:1]
        ]
        response.row = with_header([encode_bare_row(written.key, returned)])


@lru_cache
def _consumed(read_units: int, write_units: int) -> pb.ConsumedCapacity:
    """Made once, for there is one in the answer to each row of a batch."""
    capacity_unit = pb.CapacityUnit(read=read_units, write=write_units)
    return pb.ConsumedCapacity(capacity_unit=capacity_unit)


def parse_key(raw: bytes) -> ReadKey:
    """The key of a row to read. Raises ParameterInvalid."""
    row = decode_row(raw)
    if row.cells:
        raise ParameterInvalid("Attribute column cannot be given while reading data.")
    if row.delete:
        raise ParameterInvalid("Delete marker cannot be given.")
    refuse_bounds(row.key)
    return row.key


def answers(
    instance: Instance, table_name: str, keys: Sequence[ReadKey], read: reads.Read
) -> list[reads.Answer | OTSError]:
    """What a read finds of each row, or why it cannot be read."""
    try:
        table = instance.tables.get(table_name)
    except OTSError as error:
        return [error for _ in keys]
    places = [_place(table, key) for key in keys]
    now_ms = instance.rows.now_ms()
    stored = instance.storage.each(table.id, [one for one in places if isinstance(one, bytes)])
    found = {place: read.answer(table, row, now_ms) for place, row in stored}
    return [
        found.get(place, reads.NOTHING) if isinstance(place, bytes) else place for place in places
    ]


def _place(table: Table, key: ReadKey) -> bytes | OTSError:
    try:
        return records.key_bytes(check_row_key(table.primary_key, key))
    except OTSError as error:
        return error


def fill_read(response: Any, answer: reads.Answer) -> None:
    """The row if it is there and the read shows it, and the capacity units."""
    response.row = with_header([answer.bare]) if answer.bare else b""
    response.consumed.capacity_unit.read = capacity_units(answer.size_bytes)
    response.consumed.capacity_unit.write = 0


def refuse_transaction(request: Any) -> None:
    """Raises UnsupportOperation."""
    if request.HasField("transaction_id"):
        raise UnsupportOperation("Local transactions are not supported.")


def check_size(operation: str, size_bytes: int) -> None:
    """Raises ParameterInvalid over 4 MB."""
    if size_bytes > limits.REQUEST_BYTES:
        raise ParameterInvalid(
            f"The total data size of {operation} request exceeds the limit, limit size: "
            f"{limits.REQUEST_BYTES}, data size: {size_bytes}."
        )
