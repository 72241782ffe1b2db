"""Inverted indexes: of KEYWORD fields, where a value is one term, and of TEXT fields.

A posting of a text term holds its positions, flat: `positions[starts[i]:starts[i + 1]]` are those
in document `ordinals[i]`. The number of them is the term frequency.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.localcloud.tablestore.search import arrays
from tablestore_memory.localcloud.tablestore.search.analyzers import Analyzer

P = TypeVar("P")
_GAP = 100  # positions between the elements of an array, so that no phrase spans two
_POSITION_BITS = 32


class _Terms(Generic[P]):
    """The terms of a field, each with its posting."""

    def __init__(self) -> None:
        self._postings: dict[str, P] = {}
        self._holders: array[int] = array("I")

    def holders(self) -> arrays.Ordinals:
        """Documents that have the field."""
        return arrays.ordinals(self._holders)

    def terms(self) -> Iterator[str]:
        return iter(self._postings)


class KeywordTerms(_Terms["array[int]"]):
    """Which documents hold which values of a KEYWORD field."""

    def __init__(self) -> None:
        super().__init__()
        # The other way round, a pair for each value of a document: for what counts values.
        self._numbers: dict[str, int] = {}
        self._pair_holders: array[int] = array("I")
        self._pair_numbers: array[int] = array("I")

    def add(self, ordinal: int, values: Sequence[str]) -> None:
        self._holders.append(ordinal)
        for value in set(values):
            self._postings.setdefault(value, array("I")).append(ordinal)
            self._pair_holders.append(ordinal)
            self._pair_numbers.append(self._numbers.setdefault(value, len(self._numbers)))

    def documents(self, term: str) -> arrays.Ordinals:
        posting = self._postings.get(term)
        return arrays.none() if posting is None else arrays.ordinals(posting)

    def pairs(self) -> tuple[arrays.Ordinals, NDArray[np.int64], list[str]]:
        """For each value of a document, the document and the value's place in a list of them."""
        numbers = arrays.copied(self._pair_numbers).astype(np.int64)
        return arrays.ordinals(self._pair_holders), numbers, list(self._numbers)

    def move(self, moves: arrays.Moves) -> None:
        self._holders, _ = arrays.moved(self._holders, moves)
        kept = {term: arrays.moved(old, moves)[0] for term, old in self._postings.items()}
        self._postings = {term: posting for term, posting in kept.items() if posting}
        self._renumber(moves)

    def _renumber(self, moves: arrays.Moves) -> None:
        old, numbers = list(self._numbers), arrays.copied(self._pair_numbers)
        self._pair_holders, kept = arrays.moved(self._pair_holders, moves)
        self._numbers = {term: number for number, term in enumerate(self._postings)}
        new = np.array([self._numbers.get(term, 0) for term in old], dtype=np.uint32)
        self._pair_numbers = array("I", new[numbers[kept]].tobytes())


class _Posting:
    __slots__ = ("ordinals", "positions", "starts")

    def __init__(self) -> None:
        self.ordinals: array[int] = array("I")
        self.starts: array[int] = array("I", [0])
        self.positions: array[int] = array("I")

    def add(self, ordinal: int, positions: list[int]) -> None:
        self.ordinals.append(ordinal)
        self.positions.extend(positions)
        self.starts.append(len(self.positions))

    def frequencies(self) -> NDArray[np.int64]:
        return np.diff(arrays.copied(self.starts)).astype(np.int64)

    def move(self, moves: arrays.Moves) -> None:
        frequencies = self.frequencies()
        self.ordinals, kept = arrays.moved(self.ordinals, moves)
        positions = arrays.copied(self.positions)[np.repeat(kept, frequencies)]
        self.positions = array("I", positions.tobytes())
        starts = np.concatenate(([0], np.cumsum(frequencies[kept]))).astype(np.uint32)
        self.starts = array("I", starts.tobytes())


class TextTerms(_Terms[_Posting]):
    """Which documents hold which tokens of a TEXT field, how often and where."""

    def __init__(self, analyzer: Analyzer) -> None:
        super().__init__()
        self.analyzer = analyzer
        self._lengths: array[int] = array("I")

    def add(self, ordinal: int, values: Sequence[str]) -> None:
        places: dict[str, list[int]] = {}
        base = length = 0
        for value in values:
            tokens = self.analyzer.tokens(value)
            for term, position in tokens:
                places.setdefault(term, []).append(base + position)
            length += len(tokens)
            base += _GAP + (tokens[-1][1] if tokens else 0)
        for term, positions in places.items():
            posting = self._postings.get(term)
            if posting is None:
                posting = self._postings[term] = _Posting()
            posting.add(ordinal, positions)
        self._holders.append(ordinal)
        self._lengths.append(length)

    def documents(self, term: str) -> arrays.Ordinals:
        posting = self._postings.get(term)
        return arrays.none() if posting is None else arrays.ordinals(posting.ordinals)

    def frequencies(self, term: str) -> NDArray[np.int64]:
        """How often the term occurs in each of `documents(term)`."""
        posting = self._postings.get(term)
        return np.empty(0, dtype=np.int64) if posting is None else posting.frequencies()

    def lengths(self, size: int) -> NDArray[np.int64]:
        """Tokens in each document, by ordinal."""
        lengths = np.zeros(size, dtype=np.int64)
        lengths[self.holders()] = arrays.copied(self._lengths)
        return lengths

    def places(self, term: str, offset: int) -> NDArray[np.int64]:
        """Where the term stands, moved back by `offset`: sorted (ordinal, position), packed in one.

        Two terms of a phrase that follow each other have the same places once each is moved back by
        its place in the phrase.
        """
        posting = self._postings.get(term)
        if posting is None:
            return np.empty(0, dtype=np.int64)
        documents = arrays.copied(posting.ordinals).astype(np.int64)
        holders = np.repeat(documents, posting.frequencies())
        # Moved up, so that a position less its offset never turns negative.
        positions = arrays.copied(posting.positions).astype(np.int64) + (1 << 24) - offset
        return (holders << _POSITION_BITS) + positions

    def move(self, moves: arrays.Moves) -> None:
        self._holders, kept = arrays.moved(self._holders, moves)
        lengths = arrays.copied(self._lengths)[kept]
        self._lengths = array("I", lengths.tobytes())
        for posting in self._postings.values():
            posting.move(moves)
        self._postings = {term: one for term, one in self._postings.items() if one.ordinals}


def documents_of(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ordinal of each place."""
    return places >> _POSITION_BITS
