"""Which memories may have to do with each other, so that a model should look at both.

Vectors alone do not tell: of sentences about one person those that contradict each other are often further
apart than those that merely sound alike, and a memory such as "Cal is a musician" is near to everything. So the
score of a pair adds up

- closeness: the cosine, counted from what is usual between this user's memories (0) up to the same text (1), so
  that it means the same with embeddings of another scale;
- the rare words both have;
- less, if one of them is as close to everything else.

and how much is needed depends on what both are: a state may end another one, an event hardly ever does. All is
computed from rows read by primary key, whatever the search index shows. Nothing here does I/O.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.worker.stores.memories import Embedded, Memory, normalised

Matrix = NDArray[np.float64]

_WORDS = re.compile(r"[a-z0-9]+|[^\W\d_a-z]+")  # of other scripts whole runs
_COMMON = frozenset(
    "a an and are as at be been but by did do for from had has have her his in into is it its of on or she he "
    "that the their them they this to was were will with who when while because also very the user".split()
)
# A word is thought to stand in one of so many other memories, until enough of the user's are seen.
_OTHERS = 20
# Closeness of two memories that have nothing to do with each other, where there are too few to tell.
_USUAL_COSINE = 0.3
_USUAL_AT_MOST = 0.5
_ENOUGH_PAIRS = 15


@dataclass(frozen=True, slots=True)
class Relatedness:
    """How much the parts of a score weigh, and how much is needed."""

    words: float = 0.5
    hubs: float = 0.5
    needed: float = 0.55
    """Of a state and a state, a plan and a plan."""
    needed_by_event: float = 0.6
    """Of a new event and a state or plan that it may end."""
    needed_of_event: float = 0.85
    """Of anything new and an event: it was, whatever is."""
    other_subject: float = 0.15
    """So much more, where two are about different subjects."""
    most: int = 3
    """Others that are shown beside a fact."""

    def related(
        self, new: Sequence[Embedded], known: Sequence[Embedded]
    ) -> list[tuple[float, int, int]]:
        """Pairs that may have to do with each other: by how much they do more than is needed, the place of the
        new fact, and that of the other among the known and then the new, of which only those before it count.
        """
        every = [*known, *new]
        scores = self._scores(new, every)
        return [
            (margin, n, other)
            for n, fact in enumerate(new)
            for margin, other in self._likeliest(fact, every[: len(known) + n], scores[n])
        ]

    def _likeliest(
        self, fact: Embedded, others: Sequence[Embedded], scores: Matrix
    ) -> list[tuple[float, int]]:
        margins = [
            (float(score) - self._needed(fact.memory, other.memory), n)
            for n, (other, score) in enumerate(zip(others, scores, strict=False))
            if other.memory.document_id != fact.memory.document_id
        ]
        return sorted((each for each in margins if each[0] >= 0), reverse=True)[: self.most]

    def _needed(self, new: Memory, old: Memory) -> float:
        needed = self.needed
        if old.kind == "event":
            needed = self.needed_of_event
        elif new.kind == "event":
            needed = self.needed_by_event
        return needed + self.other_subject * (_subject(new) != _subject(old))

    def _scores(self, new: Sequence[Embedded], every: Sequence[Embedded]) -> Matrix:
        """A row for each new fact, a column for each of all; the new ones come last."""
        close = _closeness([each.vector for each in every])
        rare = _rare_words([each.memory for each in every])
        usual = close.mean(axis=0) if len(every) > 1 else np.zeros(len(every))
        hubs = np.maximum(usual - usual.mean(), 0.0)
        first = len(every) - len(new)
        scores: Matrix = (close + self.words * rare - self.hubs * hubs[np.newaxis, :])[first:]
        return scores


def cosine(one: list[float] | None, other: list[float] | None) -> float:
    """Between two vectors; 0 where there is none, or they are not of one model."""
    if not one or not other or len(one) != len(other):
        return 0.0
    a, b = np.array(one), np.array(other)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _closeness(vectors: Sequence[list[float] | None]) -> Matrix:
    """Of each to each: 0 for what is usual among them or less, 1 for the same; 0 for one without a vector."""
    length = Counter(len(vector) for vector in vectors if vector).most_common(1)
    size = length[0][0] if length else 1
    rows = [vector if vector and len(vector) == size else [0.0] * size for vector in vectors]
    matrix: Matrix = np.array(rows, dtype=np.float64)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    cosines = matrix @ matrix.T
    pairs = cosines[np.triu_indices(len(rows), 1)]
    usual = float(np.median(pairs)) if len(pairs) >= _ENOUGH_PAIRS else _USUAL_COSINE
    usual = min(max(usual, 0.0), _USUAL_AT_MOST)
    close: Matrix = np.clip((cosines - usual) / (1 - usual), 0.0, 1.0)
    return close


def _rare_words(memories: Sequence[Memory]) -> Matrix:
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
    """Its words but for the commonest and its subject's; of a script without spaces pairs of characters."""
    text = normalised(memory.text).replace(normalised(memory.subject or "") or "\0", " ")
    return {part for word in _WORDS.findall(text) for part in _parts(word)} - _COMMON


def _parts(word: str) -> Iterable[str]:
    if word.isascii():
        return (word.removesuffix("s"),) if len(word) > 3 else (word,)
    return (word[n : n + 2] for n in range(max(len(word) - 1, 1)))


def _subject(memory: Memory) -> str:
    return normalised(memory.subject or memory.said_by or "")
