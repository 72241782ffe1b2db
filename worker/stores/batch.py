"""BatchWriteRow: up to 200 rows and 4 MB in one request, each row answering for itself."""

from collections.abc import Sequence

import tablestore as ots

from tablestore_memory.worker.errors import WorkerError
from tablestore_memory.worker.stores.errors import CONDITION_FAILED, from_code, translated
from tablestore_memory.worker.stores.rows import RowWrite

# The service refuses more (BatchWriteRow, limits). Bytes leave room for tags and checksums.
MAX_ROWS = 200
MAX_BODY_BYTES = 3_600_000
# What Python and the SDK raise for a value that no request can carry.
UNUSABLE = (ValueError, TypeError, OverflowError, RecursionError)


def write(client: ots.OTSClient, rows: Sequence[RowWrite]) -> dict[int, WorkerError]:
    """Write one batch; keys must differ. Returns the failed rows, by index, with their reason.

    A row that may only grow and is already newer counts as written. Raises what failed for the whole
    request: Throttled, Unavailable, BadCredentials, NotSetUp, InvalidRow.
    """
    if not rows:
        return {}
    request = ots.BatchWriteRowRequest()
    places: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        places.setdefault(row.table, []).append(index)
    for table, indexes in places.items():
        request.add(ots.TableInBatchWriteRowItem(table, [_item(rows[i]) for i in indexes]))
    with translated("BatchWriteRow"):
        response = client.batch_write_row(request)
    failures: dict[int, WorkerError] = {}
    for kind in (response.table_of_put, response.table_of_update, response.table_of_delete):
        for table, items in kind.items():
            for item in items:
                index = places[table][item.index]
                if not item.is_ok and not _already_newer(rows[index], item.error_code):
                    failures[index] = from_code(item.error_code, item.error_message)
    return failures


def _already_newer(row: RowWrite, code: str) -> bool:
    return row.only_newer is not None and code == CONDITION_FAILED


def _item(row: RowWrite) -> object:
    key = list(row.key)
    anyway = ots.Condition(ots.RowExistenceExpectation.IGNORE)
    if row.kind == "delete":
        return ots.DeleteRowItem(ots.Row(key), anyway)
    if row.kind == "put":
        return ots.PutRowItem(ots.Row(key, list(row.columns)), anyway)
    return ots.UpdateRowItem(ots.Row(key, {"put": list(row.columns)}), _condition(row))


def _condition(row: RowWrite) -> object:
    ignore = ots.RowExistenceExpectation.IGNORE
    if row.only_newer is None:
        return ots.Condition(ignore)
    newer = ots.SingleColumnCondition(
        row.only_newer,
        dict(row.columns)[row.only_newer],
        ots.ComparatorType.LESS_THAN,
        pass_if_missing=True,
    )
    return ots.Condition(ignore, newer)
