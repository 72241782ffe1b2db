"""The rows of a batch, written so that nobody gets a session by messages that are refused.

One request writes the messages and moves the sessions that are there; a session that is not is made by a
second one, once a message of it is stored.
"""

from collections.abc import Callable

import tablestore as ots
from msgspec.structs import replace

from tablestore_memory.worker.failures.errors import NoRow, WorkerError
from tablestore_memory.worker.ingest.batches import Batch
from tablestore_memory.worker.stores.write import write_rows

Write = Callable[[ots.OTSClient, Batch], dict[int, WorkerError]]
"""As `write_batch`."""


def write_batch(client: ots.OTSClient, batch: Batch) -> dict[int, WorkerError]:
    """Write what can be written. Returns what failed, by index; a session that no message needs did not."""
    failures = write_rows(client, batch.rows)
    missing = {index for index, error in failures.items() if isinstance(error, NoRow)}
    if not missing:
        return failures
    failed = {index: error for index, error in failures.items() if index not in missing}
    wanted = sorted(missing & _sessions_with_messages(batch, failed))
    rows = [replace(batch.rows[index], if_there=False) for index in wanted]
    return failed | {wanted[place]: error for place, error in write_rows(client, rows).items()}


def _sessions_with_messages(batch: Batch, failed: dict[int, WorkerError]) -> set[int]:
    """The rows of the sessions of which a message is stored."""
    written = (entry.rows for entry in batch.entries if entry.rows)
    return {session for message, session in written if message not in failed}
