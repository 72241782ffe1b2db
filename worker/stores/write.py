"""Write a batch so that one bad row costs only itself."""

import random
import time
from collections.abc import Sequence

import structlog
import tablestore as ots

from tablestore_memory.worker.failures.errors import InvalidRow, NotOwner, Retryable, WorkerError
from tablestore_memory.worker.stores import batch
from tablestore_memory.worker.stores.rows import RowWrite

log = structlog.get_logger()
_TRIES = 4
_BACKOFF_S = 0.1  # doubled each try, with full jitter


def write_rows(
    client: ots.OTSClient, rows: Sequence[RowWrite], *, tries: int = _TRIES
) -> dict[int, WorkerError]:
    """Write rows; failed ones are tried again alone. Returns what still failed, by index.

    A row with an owner takes the place of none or of its owner's; else it fails with NotOwner. An update that
    may make a row does, or changes the one in the way. Raises what failed for the whole request and is no
    single row's fault.
    """
    failures: dict[int, WorkerError] = {}
    left = list(range(len(rows)))
    for over_own in (False, True, False):  # the third: the row in the way may be gone meanwhile
        failed = _try(client, rows, left, tries, over_own)
        left = [i for i, error in failed.items() if isinstance(error, NotOwner)]
        failures |= {i: error for i, error in failed.items() if i not in left}
        if not left:
            return failures
    return failures | {i: failed[i] for i in left}


def write_all(client: ots.OTSClient, rows: Sequence[RowWrite]) -> None:
    """Write any number of rows. Raises the first reason why one could not be written."""
    for start in range(0, len(rows), batch.MAX_ROWS):
        failures = write_rows(client, rows[start : start + batch.MAX_ROWS])
        if failures:
            raise next(iter(failures.values()))


def _try(
    client: ots.OTSClient,
    rows: Sequence[RowWrite],
    indexes: list[int],
    tries: int,
    over_own: bool,
) -> dict[int, WorkerError]:
    failures: dict[int, WorkerError] = {}
    for attempt in range(tries):
        failed = _write_some(client, rows, indexes, over_own)
        failures |= {i: error for i, error in failed.items() if not isinstance(error, Retryable)}
        indexes = [i for i, error in failed.items() if isinstance(error, Retryable)]
        if not indexes:
            return failures
        if attempt + 1 < tries:
            log.debug("rows.again", rows=len(indexes), error=type(failed[indexes[0]]).__name__)
            time.sleep(random.uniform(0, _BACKOFF_S * 2**attempt))
    return failures | {i: failed[i] for i in indexes}


def _write_some(
    client: ots.OTSClient, rows: Sequence[RowWrite], indexes: list[int], over_own: bool
) -> dict[int, WorkerError]:
    """One request; if the service refuses it for a row's sake, halves, until that row is alone."""
    try:
        failed = batch.write(client, [rows[i] for i in indexes], over_own=over_own)
    except (InvalidRow, *batch.UNUSABLE) as error:
        if len(indexes) == 1:
            return {indexes[0]: _as_invalid(error)}
        middle = len(indexes) // 2
        return _write_some(client, rows, indexes[:middle], over_own) | _write_some(
            client, rows, indexes[middle:], over_own
        )
    return {indexes[place]: error for place, error in failed.items()}


def _as_invalid(error: Exception) -> InvalidRow:
    if isinstance(error, InvalidRow):
        return error
    return InvalidRow(f"the request cannot be written: {type(error).__name__}")
