"""Relevance: BM25 as Lucene counts it, over the documents that are alive.

k1 = 1.2 and b = 0.75 are Lucene's defaults. A KEYWORD term has no length and occurs once, so its
score is its rarity alone.
"""

import math

import numpy as np
from numpy.typing import NDArray

from localcloud.tablestore.search import arrays
from localcloud.tablestore.search.terms import TextTerms

_K1 = 1.2
_B = 0.75


def rarity(found: arrays.Ordinals, alive: arrays.Mask) -> float:
    """The inverse document frequency of a term that these documents hold."""
    total, holding = int(alive.sum()), int(alive[found].sum())
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def weigh(
    text: TextTerms,
    found: arrays.Ordinals,
    frequencies: NDArray[np.int64],
    rare: float,
    alive: arrays.Mask,
) -> arrays.Scores:
    """The score of a term, or of a phrase, of this rarity in each document found."""
    holders = text.holders()
    lengths = text.lengths(len(alive))
    living = holders[alive[holders]]
    average = max(float(lengths[living].mean()), 1.0) if len(living) else 1.0
    norm = _K1 * (1 - _B + _B * lengths[found] / average)
    scores: arrays.Scores = rare * frequencies * (_K1 + 1) / (frequencies + norm)
    return scores
