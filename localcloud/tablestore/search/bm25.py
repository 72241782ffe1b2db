"""Relevance: BM25 as Lucene counts it, over the documents that are alive.

k1 = 1.2 and b = 0.75 are Lucene's defaults. A KEYWORD term has no length and occurs once, so its
score is its rarity alone.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.localcloud.tablestore.search import arrays
from tablestore_memory.localcloud.tablestore.search.terms import TextTerms

_K1 = 1.2
_B = 0.75


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a field are."""

    norms: arrays.Scores
    """By ordinal: how much more often a word must stand in it for the same score."""

    @classmethod
    def of(cls, text: TextTerms, alive: arrays.Mask) -> "Lengths":
        by_ordinal, holders = text.lengths(len(alive)), text.holders()
        living = holders[alive[holders]]
        average = float(by_ordinal[living].mean()) if len(living) else 0.0
        norms = _K1 * (1 - _B + _B * by_ordinal / max(average, 1.0))
        return cls(norms.astype(np.float64, copy=False))


def rarity(found: arrays.Ordinals, alive: arrays.Mask) -> float:
    """The inverse document frequency of a term that these documents hold."""
    total, holding = int(np.count_nonzero(alive)), int(np.count_nonzero(alive[found]))
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def weigh(
    found: arrays.Ordinals, frequencies: NDArray[np.int64], rare: float, lengths: Lengths
) -> arrays.Scores:
    """The score of a term, or of a phrase, of this rarity in each document found."""
    scores: arrays.Scores = rare * frequencies * (_K1 + 1) / (frequencies + lengths.norms[found])
    return scores
