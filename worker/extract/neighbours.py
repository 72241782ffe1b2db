"""Which memories of the user are near a new fact.

The search index is 1–3 s behind, so it is asked for candidates only; what was written for this user and
is not confirmed searchable yet is added (`unseen`), and every candidate is read by primary key: a fact
written a moment ago is seen, a fact removed a moment ago is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worker.extract.confirm import Unseen
from worker.stores.memories import Memories, Memory, Stored

# Cosine above which two facts may be about the same thing and a model should look at both.
NEAR = 0.65
_CANDIDATES = 5  # a new fact


@dataclass(frozen=True)
class Neighbours:
    memories: Memories
    unseen: Unseen

    def of(
        self, user_id: str, new: Sequence[Memory], vectors: Sequence[list[float]]
    ) -> dict[str, Memory]:
        """Stored memories near any of the new facts or equal to one, by document id."""
        wanted = {memory.document_id for memory in new}
        candidates = wanted | set(self.unseen.of_user(user_id))
        for vector in vectors:
            hits = self.memories.nearest(user_id, vector, _CANDIDATES)
            candidates |= {hit.memory.document_id for hit in hits}
        stored = [s for s in self.memories.get(sorted(candidates)) if s.memory.user_id == user_id]
        matrix = np.array(vectors)
        return {
            s.memory.document_id: s.memory
            for s in stored
            if s.memory.document_id in wanted or _near(s, matrix)
        }


def _near(stored: Stored, matrix: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> bool:
    if not stored.vector or len(stored.vector) != matrix.shape[1]:
        return False
    vector = np.array(stored.vector)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
    return bool(((matrix @ vector) / np.maximum(lengths, 1e-12) >= NEAR).any())
