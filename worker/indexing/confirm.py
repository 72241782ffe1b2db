"""Ask for what was written until the search index shows it; then say so, with the lag."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Leases
from tablestore_memory.worker.stores.memories import Memories
from tablestore_memory.worker.tracing import spans

_UNUSUAL_MS = 10_000  # the index is 1–3 s behind when all is well
log = structlog.get_logger()


@dataclass(frozen=True)
class Confirmation:
    """Looks for memories in the index. One is recorded before its row is written: a row that is not there after
    `write_takes_ms` never came."""

    keys: Keys
    leases: Leases
    memories: Memories
    unindexed: UnindexedMemories
    write_takes_ms: int = 60_000

    def look(self, partition: int) -> int:
        """Look for what is due in a partition. Returns how many are still not searchable.

        Raises Busy if another worker looks already.
        """
        with self.leases.lease(self.keys.confirm_lease(partition)):
            due = self.unindexed.due(partition)
            if not due:
                return 0
            rows = self.memories.searchable([written.document_id for written in due])
            shown = {MemoryRef(*row) for row in rows}
            missing = [written for written in due if written not in shown]
            self._announce([written for written in due if written in shown])
            return self._put_off(missing)

    def _announce(self, found: Sequence[MemoryRef]) -> None:
        for written in found:
            if announced := self.unindexed.searchable(written):
                lag_ms, trace = announced.lag_ms, announced.traceparent
                log.info("memory.searchable", document_id=written.document_id, lag_ms=lag_ms)
                if trace:
                    spans.ended(spans.SEARCHABLE, parent=trace, after_ms=lag_ms)

    def _put_off(self, missing: Sequence[MemoryRef]) -> int:
        """What has no row, and had time to get one, is taken off; the rest is looked for again."""
        rows = self.memories.without_vectors([written.document_id for written in missing])
        existing = {MemoryRef(stored.user_id, stored.document_id) for stored in rows}
        ages_ms = {written: self.unindexed.age_ms(written) for written in missing}
        for written, age_ms in ages_ms.items():
            if written in existing or age_ms < self.write_takes_ms:
                self.unindexed.look_again(written)
            else:
                self.unindexed.forget([written])
        oldest_ms = max(ages_ms.values(), default=0)
        if oldest_ms > _UNUSUAL_MS:
            log.warning("index.behind", memories=len(missing), oldest_ms=oldest_ms)
        return len(missing)
