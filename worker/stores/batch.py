"""BatchWriteRow: up to 200 rows and 4 MB in one request, each row answering for itself."""

from collections.abc import Sequence

import tablestore as ots

from tablestore_memory.worker.failures.errors import NoRow, NotOwner, WorkerError
from tablestore_memory.worker.stores.conditions import condition
from tablestore_memory.worker.stores.errors import CONDITION_FAILED, from_code, translated
from tablestore_memory.worker.stores.rows import RowWrite

# The service refuses more (BatchWriteRow, limits). Bytes leave room for tags and checksums.
MAX_ROWS = 200
MAX_BODY_BYTES = 3_600_000
# What Python and the SDK raise for a value that no request can carry.
UNUSABLE = (ValueError, TypeError, OverflowError, RecursionError)


def write(
    client: ots.OTSClient, rows: Sequence[RowWrite], *, over_own: bool = False
) -> dict[int, WorkerError]:
    """Write one batch; keys must differ. Returns the failed rows, by index, with their reason.

    A row that may only grow and is already newer counts as written, one that is not there to be deleted
    as deleted. Of a row that is changed only if it is there, NoRow tells that it is not, or newer already.
    What is put anew fails with NotOwner where a row is; with `over_own` a put with an owner takes the place of
    the owner's row, and an update changes it. Raises what failed for the whole request: Throttled, Unavailable,
    BadCredentials, ResourceMissing, InvalidRow.
    """
    if not rows:
        return {}
    request = ots.BatchWriteRowRequest()
    places: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        places.setdefault(row.table, []).append(index)
    for table, indexes in places.items():
        items = [_item(rows[i], over_own=over_own) for i in indexes]
        request.add(ots.TableInBatchWriteRowItem(table, items))
    with translated("BatchWriteRow"):
        response = client.batch_write_row(request)
    failures: dict[int, WorkerError] = {}
    for kind in (response.table_of_put, response.table_of_update, response.table_of_delete):
        for table, answers in kind.items():
            for answer in answers:
                if answer.is_ok:
                    continue
                index = places[table][answer.index]
                if error := _failure(rows[index], answer, over_own=over_own):
                    failures[index] = error
    return failures


def _failure(
    row: RowWrite, answer: ots.BatchWriteRowResponseItem, *, over_own: bool
) -> WorkerError | None:
    """None where the condition that failed says that nothing is left to do."""
    if answer.error_code == CONDITION_FAILED:
        if row.is_put_anew and not over_own:
            return NotOwner()
        if row.if_there:
            return NoRow()
        if row.kind == "delete" or row.only_newer is not None:
            return None
        if row.owner is not None:
            return NotOwner()
    return from_code(answer.error_code, answer.error_message)


def _item(row: RowWrite, *, over_own: bool) -> object:
    key, allowed = list(row.key), condition(row, over_own=over_own)
    if row.kind == "put":
        return ots.PutRowItem(ots.Row(key, list(row.columns)), allowed)
    if row.kind == "delete":
        return ots.DeleteRowItem(ots.Row(key), allowed)
    if row.is_put_anew and not over_own:
        return ots.PutRowItem(ots.Row(key, [*row.columns, *row.made]), allowed)
    return ots.UpdateRowItem(ots.Row(key, {"put": list(row.columns)}), allowed)
