"""Which memories of the user may be near a new fact.

The search index is 1–3 s behind, so it is asked for candidates only, by vector and by words. What was
written for this user and is not confirmed searchable yet is added (`unindexed`), and every candidate is read
by primary key: a fact written a moment ago is seen, a fact removed a moment ago is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from tablestore_memory.worker.failures.errors import IndexBehind
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.memories import Embedded, Memories

# More than are used: some may be about rows that are gone since.
_CANDIDATES = 20
_CANDIDATES_BY_WORDS = 50
_LONGEST_QUERY = 2_000  # characters
log = structlog.get_logger()


@dataclass(frozen=True)
class Neighbours:
    """`most_unindexed` of a user are read for a decision; they come a hundred a request."""

    memories: Memories
    unindexed: UnindexedMemories
    most_unindexed: int = 300

    def of(
        self, user_id: str, new: Sequence[Embedded], *, wait_for_index: bool
    ) -> dict[str, Embedded]:
        """Memories by document id: all that are near a new fact or equal to one are among them.

        Raises IndexBehind when more are unconfirmed than can be looked at, if `wait_for_index`; else the
        newest are looked at, and that it was so is counted.
        """
        unindexed = self.unindexed.of_user(user_id)
        if len(unindexed) > self.most_unindexed:
            if wait_for_index:
                raise IndexBehind(f"{len(unindexed)} memories of a user are not searchable yet")
            self.unindexed.count_stale_index_decision()
            log.warning(
                "consolidation.index_stale", unindexed=len(unindexed), looked_at=self.most_unindexed
            )
            unindexed = unindexed[-self.most_unindexed :]
        candidates = {fact.memory.document_id for fact in new} | set(unindexed)
        candidates |= self._found(user_id, new)
        return {
            known.memory.document_id: known
            for known in self.memories.get(sorted(candidates))
            # Whole documents are the app's: they replace nothing and nothing replaces them.
            if known.memory.user_id == user_id and known.memory.kind != DOCUMENT
        }

    def _found(self, user_id: str, new: Sequence[Embedded]) -> set[str]:
        """By the vector of each, and by the words of all together: a search costs as much for many words."""
        words = " ".join(fact.memory.text for fact in new)[:_LONGEST_QUERY]
        hits = self.memories.matching(user_id, words, _CANDIDATES_BY_WORDS)
        for fact in new:
            hits += self.memories.nearest(user_id, fact.vector or [], _CANDIDATES)
        return {hit.memory.document_id for hit in hits}
