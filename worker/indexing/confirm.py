"""Ask for what was written until the search index shows it; then say so, with the lag."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.stores.memories import Memories

# It is recorded before its row is written; a row that is not there by then never came.
_WRITE_TAKES_MS = 60_000
_UNUSUAL_MS = 10_000  # the index is 1–3 s behind when all is well
log = structlog.get_logger()


@dataclass(frozen=True)
class Confirm:
    """The collaborators of a look."""

    redis: Redis
    streams: Streams
    memories: Memories
    unindexed: UnindexedMemories


def confirm(step: Confirm, partition: int) -> int:
    """Look for what is due in a partition. Returns how many are still not searchable.

    Raises Busy if another worker looks already.
    """
    with Lease(step.redis, Keys(step.streams).confirm_lease(partition)):
        due = step.unindexed.due(partition)
        if not due:
            return 0
        rows = step.memories.searchable([written.document_id for written in due])
        shown = {MemoryRef(*row) for row in rows}
        missing = [written for written in due if written not in shown]
        _announce([written for written in due if written in shown], step.unindexed)
        return _put_off(missing, step)


def _announce(found: Sequence[MemoryRef], unindexed: UnindexedMemories) -> None:
    for written in found:
        if (lag_ms := unindexed.searchable(written)) is not None:
            log.info("memory.searchable", document_id=written.document_id, lag_ms=lag_ms)


def _put_off(missing: Sequence[MemoryRef], step: Confirm) -> int:
    """What has no row, and had time to get one, is taken off; the rest is looked for again."""
    rows = step.memories.get([written.document_id for written in missing])
    existing = {MemoryRef(stored.memory.user_id, stored.memory.document_id) for stored in rows}
    ages_ms = {written: step.unindexed.age_ms(written) for written in missing}
    for written, age_ms in ages_ms.items():
        if written in existing or age_ms < _WRITE_TAKES_MS:
            step.unindexed.look_again(written)
        else:
            step.unindexed.forget([written])
    oldest_ms = max(ages_ms.values(), default=0)
    if oldest_ms > _UNUSUAL_MS:
        log.warning("index.behind", memories=len(missing), oldest_ms=oldest_ms)
    return len(missing)
