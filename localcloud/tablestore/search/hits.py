"""What a query answers, and what it is asked of.

An answer is dense, a flag and a score for each ordinal: 100,000 documents are 100 kB of flags, and a
clause of a bool query costs some ten microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.bm25 import Lengths
from tablestore_memory.localcloud.tablestore.search.documents import Documents, FieldIndex
from tablestore_memory.localcloud.tablestore.search.schema import Definition, Field
from tablestore_memory.localcloud.tablestore.search.terms import TextTerms

MAX_DEPTH = 20


@dataclass(frozen=True)
class Hits:
    """Which ordinals match, and how well. Ordinals that do not match score zero."""

    mask: arrays.Mask
    scores: arrays.Scores


@dataclass(frozen=True)
class Searched:
    """The documents of an index and its definition, as one request sees them."""

    documents: Documents
    definition: Definition
    depth: int = 0
    _lengths: dict[str, Lengths] = field(default_factory=dict)

    @property
    def alive(self) -> arrays.Mask:
        return self.documents.alive()

    def field(self, name: str) -> tuple[Field, FieldIndex]:
        """A field and its index. Raises ParameterInvalid if it cannot be queried."""
        return self.definition.field(name), self.documents.index(name)

    def lengths(self, name: str, text: TextTerms) -> Lengths:
        """How long the texts of the field are; counted once for a request."""
        if name not in self._lengths:
            self._lengths[name] = Lengths.of(text, self.alive)
        return self._lengths[name]

    def below(self) -> "Searched":
        """The same, one query deeper."""
        refuse.unless(self.depth < MAX_DEPTH, f"Queries are nested deeper than {MAX_DEPTH}.")
        return replace(self, depth=self.depth + 1)

    def hits(self, found: Any, scores: Any = 1.0) -> Hits:
        """Hits at these ordinals, with one score for all or one for each."""
        dense = np.zeros(self.documents.size, dtype=np.float64)
        dense[found] = scores
        return Hits(arrays.mask_of(found, self.documents.size), dense)

    def everything(self, score: float) -> Hits:
        size = self.documents.size
        return Hits(np.ones(size, dtype=np.bool_), np.full(size, score, dtype=np.float64))

    def nothing(self) -> Hits:
        return self.hits(arrays.none())

    def all_of(self, clauses: Sequence[Hits]) -> Hits:
        """What every clause matches; everything if there are none. Scores add up."""
        return self.some_of(clauses, len(clauses))

    def some_of(self, clauses: Sequence[Hits], least: int) -> Hits:
        """What at least so many of the clauses match."""
        size = self.documents.size
        count, scores = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.float64)
        for clause in clauses:
            count += clause.mask
            scores += clause.scores
        mask = count >= least
        return Hits(mask, np.where(mask, scores, 0.0))
