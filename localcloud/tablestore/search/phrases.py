"""Where the words of a phrase stand together, in order, at most `slop` places apart."""

from bisect import bisect_left
from collections import Counter
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.localcloud.tablestore.search.analyzers import Token
from tablestore_memory.localcloud.tablestore.search.terms import TextTerms, documents_of

Places = NDArray[np.int64]


def occurrences(text: TextTerms, phrase: list[Token], slop: int) -> tuple[Places, Places]:
    """The documents that hold the phrase, and how often each does."""
    places = [text.places(term, position) for term, position in phrase]
    if slop == 0:
        starts = reduce(lambda left, right: np.intersect1d(left, right, True), places)
        return np.unique(documents_of(starts), return_counts=True)
    found = Counter(documents_of(_loose_starts(places, slop)).tolist())
    documents = sorted(found)
    counts = np.array([found[document] for document in documents], dtype=np.int64)
    return np.array(documents, dtype=np.int64), counts


def _loose_starts(places: list[Places], slop: int) -> Places:
    """Places from which every word is found within `slop`; documents lie further apart."""
    columns = [column.tolist() for column in places]
    starts = sorted({place for column in columns for place in column})
    kept = [start for start in starts if all(_within(column, start, slop) for column in columns)]
    return np.array(kept, dtype=np.int64)


def _within(column: list[int], start: int, slop: int) -> bool:
    at = bisect_left(column, start)
    return at < len(column) and column[at] <= start + slop
