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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.worker.stores.memories import Embedded, Memory, normalised

Matrix = NDArray[np.float64]

_WORDS = re.compile(r"[a-z0-9]+|[^\W\d_a-z]+")  # of other scripts whole runs
_COMMON = frozenset(
    [
        *(
            "a",
            "an",
            "the",
            "and",
            "or",
            "but",
            "as",
            "at",
            "by",
            "for",
            "from",
            "in",
            "into",
            "of",
            "on",
            "to",
        ),
        *(
            "with",
            "who",
            "when",
            "while",
            "because",
            "that",
            "this",
            "also",
            "very",
            "user",
            "be",
            "been",
        ),
        *(
            "is",
            "are",
            "was",
            "were",
            "do",
            "did",
            "had",
            "has",
            "have",
            "will",
            "it",
            "its",
            "he",
            "she",
        ),
        *("her", "his", "they", "their", "them"),
    ]
)
_STATES = ("profile", "preference", "relationship", "instruction")
# Words by which people tell of a change; they say that a state ended, whichever.
_CHANGE = re.compile(
    r"\b(?:became|becom\w+|turned|mov(?:ed|ing)|chang\w+|switch\w+|quit\w*|left|stopped|gave up|start(?:ed|ing)"
    r"|began|no longer|not? any ?more|anymore|instead|now|new|sold|lost|died|retired|divorced|married|broke up)\b"
    r"|搬|辞|换|改|不再|再也|成为|变成|开始|现在|离|卖|丢|去世|退休|结婚|分手"
)
_NEEDED = MappingProxyType(
    {
        **dict.fromkeys(_STATES, 0.45),
        "plan": 0.7,
        "fact": 0.8,
        "event": 1.2,
    }
)
_ENDINGS = re.compile(r"(?<=...)(?:ings?|ed|es?|s)$")
# A word is thought to stand in one of so many other memories, until enough of the user's are seen.
_OTHERS = 20
# Closeness of two memories that have nothing to do with each other, where there are too few to tell.
_USUAL_COSINE = 0.3
_USUAL_AT_MOST = 0.75
_ENOUGH_PAIRS = 15


@dataclass(frozen=True, slots=True)
class Pair:
    """A new fact and another that it may have to do with: their places, and by how much more than is needed."""

    margin: float
    new: int
    other: int


@dataclass(frozen=True, slots=True)
class Relatedness:
    """How much the parts of a score weigh, and how much is needed for a model to be asked.

    It is least where the older of two is a state that ends when something changes; what two say of plans, and
    more so of anything else, has to be much alike; what happened has happened.
    """

    words: float = 0.5
    hubs: float = 1.0
    needed: Mapping[str, float] = _NEEDED
    change: float = 0.3
    """So much less, where the new fact tells of a change and the other of a state."""
    other_subject: float = 0.15
    """So much more, where two are about different subjects."""
    shown: float = 0.15
    """So much less, once a model is asked anyway."""
    most: int = 3
    """Others that are shown beside a fact."""

    def related(self, new: Sequence[Embedded], known: Sequence[Embedded]) -> list[Pair]:
        """What may have to do with each other, the likeliest first; nothing if no pair is worth a question.

        The place of the other is among the known and then the new; of these only those before the fact count.
        """
        every = [*known, *new]
        scores = self._scores(new, every)
        pairs = [
            pair
            for n, fact in enumerate(new)
            for pair in self._likeliest(n, fact, every[: len(known) + n], scores[n])
        ]
        asks = any(pair.margin >= 0 for pair in pairs)
        return sorted(pairs, key=lambda pair: -pair.margin) if asks else []

    def _likeliest(
        self, n: int, fact: Embedded, others: Sequence[Embedded], scores: Matrix
    ) -> list[Pair]:
        pairs = [
            Pair(float(score) - self._needed(fact.memory, other.memory), n, place)
            for place, (other, score) in enumerate(zip(others, scores, strict=False))
            if other.memory.document_id != fact.memory.document_id
        ]
        shown = (pair for pair in pairs if pair.margin >= -self.shown)
        return sorted(shown, key=lambda pair: -pair.margin)[: self.most]

    def _needed(self, new: Memory, old: Memory) -> float:
        needed = self.needed.get(old.kind, self.needed["fact"])
        if new.kind == "plan":  # what is yet to come ends no state
            needed = max(needed, self.needed["plan"])
        elif old.kind in _STATES and _CHANGE.search(normalised(new.text)):
            needed -= self.change
        return needed + self.other_subject * (_subject(new) != _subject(old))

    def _scores(self, new: Sequence[Embedded], every: Sequence[Embedded]) -> Matrix:
        """A row for each new fact, a column for each of all; the new ones come last."""
        memories = [each.memory for each in every]
        close = _closeness([each.vector for each in every])
        scores: Matrix = close + self.words * _rare_words(memories)
        scores -= self.hubs * _hubs(close, [_subject(memory) for memory in memories])
        return scores[len(every) - len(new) :]


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


def _hubs(close: Matrix, subjects: Sequence[str]) -> Matrix:
    """By how much closer each is to all others about its subject than these are to each other."""
    _, numbers = np.unique(np.array(subjects), return_inverse=True)
    alike: Matrix = np.equal.outer(numbers, numbers).astype(np.float64)
    np.fill_diagonal(alike, 0.0)
    usual = (close * alike).sum(axis=1) / np.maximum(alike.sum(axis=1), 1.0)
    of_subject = (alike @ usual + usual) / (alike.sum(axis=1) + 1.0)
    hubs: Matrix = np.maximum(usual - of_subject, 0.0)
    return hubs


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
        return (_ENDINGS.sub("", word),)
    return (word[n : n + 2] for n in range(max(len(word) - 1, 1)))


def _subject(memory: Memory) -> str:
    return normalised(memory.subject or memory.said_by or "")
