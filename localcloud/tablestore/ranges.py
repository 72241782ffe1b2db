"""GetRange: rows of a table or index in key order, a page at a time."""

from collections.abc import Iterator

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore import limits, reads, records
from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid
from tablestore_memory.localcloud.tablestore.keys import check_range_key, sort_key
from tablestore_memory.localcloud.tablestore.plainbuffer import (
    Bound,
    decode_row,
    encode_row,
    with_header,
)
from tablestore_memory.localcloud.tablestore.records import Record
from tablestore_memory.localcloud.tablestore.rows import capacity_units
from tablestore_memory.localcloud.tablestore.schema import Table
from tablestore_memory.localcloud.tablestore.storage import Storage, StoredRow


def get_range(
    storage: Storage, table: Table, request: pb.GetRangeRequest, now_ms: int
) -> pb.GetRangeResponse:
    """One page. Raises ParameterInvalid, InvalidPK, UnsupportOperation."""
    reads.refuse_token(request.token)
    read = reads.parse(request)
    limit = limits.ROWS_OF_A_RANGE
    if request.HasField("limit"):
        if request.limit <= 0:
            raise ParameterInvalid("The limit must be greater than 0.")
        limit = min(limit, request.limit)
    found: list[bytes] = []
    stored_bytes, read_bytes, next_key = 0, 0, b""
    # One more than may be told tells where to go on.
    for seen, stored in enumerate(_stored_rows(storage, table, request, limit + 1)):
        # Rows that a filter hides count towards the size of a page as those it shows.
        full = stored_bytes + len(stored.bare) > limits.RANGE_BYTES and seen > 0
        if full or len(found) == limit or seen == limits.ROWS_OF_A_RANGE:
            next_key = _key_of(records.stored_record(stored))
            break
        stored_bytes += len(stored.bare)
        answer = read.answer(table, stored, now_ms)
        read_bytes += answer.size_bytes
        if answer.bare is not None:
            found.append(answer.bare)
    return _response(found, read_bytes, next_key)


def _response(found: list[bytes], read_bytes: int, next_key: bytes) -> pb.GetRangeResponse:
    response = pb.GetRangeResponse(rows=with_header(found))
    response.consumed.capacity_unit.read = capacity_units(read_bytes)
    response.consumed.capacity_unit.write = 0
    if next_key:
        response.next_start_primary_key = next_key
    return response


def _key_of(record: Record) -> bytes:
    return encode_row(record.key, [])


def _stored_rows(
    storage: Storage, table: Table, request: pb.GetRangeRequest, expected: int
) -> Iterator[StoredRow]:
    start = _bound(table, request.inclusive_start_primary_key)
    end = _bound(table, request.exclusive_end_primary_key)
    if request.direction == pb.FORWARD:
        if start >= end:
            raise ParameterInvalid("Begin key must less than end key in FORWARD")
        pairs = storage.ascending(table.id, start, end, expected)
    else:
        if start <= end:
            raise ParameterInvalid("Begin key must more than end key in BACKWARD")
        pairs = storage.descending(table.id, start, end, expected)
    return (stored for _, stored in pairs)


def _bound(table: Table, raw: bytes) -> bytes:
    row = decode_row(raw)
    if row.cells or row.delete:
        raise ParameterInvalid("Attribute column cannot be given while reading data.")
    key = check_range_key(table.primary_key, row.key)
    if any(value is Bound.AUTO_INCREMENT for _, value in key):
        raise ParameterInvalid("PKAutoIncr can't be used for read operations.")
    return sort_key([value for _, value in key])
