"""How near two memories are: by their vectors, and by the words they share.

Both are computed here, from rows read by primary key, so the answer does not depend on how far the
search index is behind. Nothing here does I/O.
"""

import re
from collections.abc import Iterable

import numpy as np

from tablestore_memory.worker.stores.memories import Embedded, normalised

# Above these two facts may be about the same thing, and a model should look at both.
_NEAR_COSINE = 0.65
_NEAR_WORDS = 0.5
_WORDS = re.compile(r"[a-z0-9]+|[^\W\d_a-z]")  # a word; a single character of other scripts
_MOST = 5  # a new fact


def near(one: Embedded, other: Embedded) -> bool:
    return _score(one, other) > 0


def nearest(fact: Embedded, known: Iterable[Embedded]) -> list[Embedded]:
    """The known memories near a fact, the nearest first, at most five."""
    scored = [(_score(fact, each), each.memory.document_id, each) for each in known]
    found = sorted((s for s in scored if s[0] > 0), key=lambda s: (-s[0], s[1]))
    return [each for _, _, each in found[:_MOST]]


def _score(one: Embedded, other: Embedded) -> float:
    """0 for what is not near; else the better of cosine and shared words."""
    angle, shared = cosine(one.vector, other.vector), _shared(one.memory.text, other.memory.text)
    return max(angle if angle >= _NEAR_COSINE else 0.0, shared if shared >= _NEAR_WORDS else 0.0)


def cosine(one: list[float] | None, other: list[float] | None) -> float:
    """Between two vectors; 0 where there is none, or they are not of one model."""
    if not one or not other or len(one) != len(other):
        return 0.0
    a, b = np.array(one), np.array(other)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _shared(one: str, other: str) -> float:
    """Words in both, of the words in either."""
    a, b = set(_WORDS.findall(normalised(one))), set(_WORDS.findall(normalised(other)))
    return len(a & b) / max(len(a | b), 1)
