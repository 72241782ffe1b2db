"""How alike memories are: by their vectors, beside what is usual among them, and by the rare words they share.

Computed from rows read by primary key, whatever the search index shows. Nothing here does I/O.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.worker.consolidation.words import words_of
from tablestore_memory.worker.stores.memories import Memory, normalised

Matrix = NDArray[np.float64]

# A word is thought to stand in one of so many other memories, until enough of the user's are seen.
_OTHERS = 20
# Closeness of two memories that have nothing to do with each other, where there are too few to tell.
_USUAL_COSINE = 0.3
_USUAL_AT_MOST = 0.75
_ENOUGH_PAIRS = 15


def cosine(one: list[float] | None, other: list[float] | None) -> float:
    """Between two vectors; 0 where there is none, or they are not of one model."""
    if not one or not other or len(one) != len(other):
        return 0.0
    a, b = np.array(one), np.array(other)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def closeness(vectors: Sequence[list[float] | None], words: Matrix) -> Matrix:
    """Of each to each: 0 for what is usual or less, 1 for the same; 0 for one without a vector.

    Usual is what those have that share no rare word: of a user who told many times where they live most
    pairs are alike, and would make that the usual.
    """
    length = Counter(len(vector) for vector in vectors if vector).most_common(1)
    size = length[0][0] if length else 1
    rows = [vector if vector and len(vector) == size else [0.0] * size for vector in vectors]
    matrix: Matrix = np.array(rows, dtype=np.float64)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    cosines = matrix @ matrix.T
    pairs = cosines[np.triu(words == 0, 1)]
    usual = float(np.median(pairs)) if len(pairs) >= _ENOUGH_PAIRS else _USUAL_COSINE
    usual = min(max(usual, 0.0), _USUAL_AT_MOST)
    close: Matrix = np.clip((cosines - usual) / (1 - usual), 0.0, 1.0)
    return close


def hubs(close: Matrix, subjects: Sequence[str]) -> Matrix:
    """By how much closer each is to all others about its subject than these are to each other."""
    _, numbers = np.unique(np.array(subjects), return_inverse=True)
    alike: Matrix = np.equal.outer(numbers, numbers).astype(np.float64)
    np.fill_diagonal(alike, 0.0)
    usual = (close * alike).sum(axis=1) / np.maximum(alike.sum(axis=1), 1.0)
    of_subject = (alike @ usual + usual) / (alike.sum(axis=1) + 1.0)
    nearer: Matrix = np.maximum(usual - of_subject, 0.0)
    return nearer


def rare_words(memories: Sequence[Memory]) -> Matrix:
    """Of each with each: from 0 to 1, how much of what they say is the same words, rare ones weighing most."""
    texts = [_words(memory) for memory in memories]
    seen = Counter(word for words in texts for word in words)
    columns = {word: n for n, word in enumerate(seen)}
    weights: Matrix = np.zeros((len(texts), max(len(columns), 1)))
    for row, words in enumerate(texts):
        for word in words:
            weights[row, columns[word]] = math.log((len(texts) + _OTHERS) / (seen[word] + 1))
    weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
    shared: Matrix = weights @ weights.T
    return shared


def _words(memory: Memory) -> set[str]:
    """Its words but for its subject's, which most of a user's have."""
    text = normalised(memory.text).replace(normalised(memory.subject or "") or "\0", " ")
    return words_of(text)
