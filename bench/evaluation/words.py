"""Texts ranked by the words they share with a question: BM25, a character of other scripts being a word."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"[a-z0-9]+|[^\W\d_a-z]")
_K1, _B = 1.2, 0.75  # as search engines have them


class Words:
    """The words of some texts, to be asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(_words(text)) for text in texts]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean = sum(self._lengths) / max(len(texts), 1) or 1.0
        self._texts_with = Counter(word for counts in self._counts for word in counts)

    def scores(self, question: str) -> np.ndarray:
        """Of each text, 0 where no word is shared."""
        words = set(_words(question)) & self._texts_with.keys()
        return np.array(
            [sum(self._score(n, word) for word in words) for n in range(len(self._counts))]
        )

    def _score(self, n: int, word: str) -> float:
        found, having = self._counts[n][word], self._texts_with[word]
        rarity = math.log(1 + (len(self._counts) - having + 0.5) / (having + 0.5))
        length = 1 - _B + _B * self._lengths[n] / self._mean
        return rarity * found * (_K1 + 1) / (found + _K1 * length)


def _words(text: str) -> list[str]:
    return [word.rstrip("s") or word for word in _WORD.findall(text.lower())]
