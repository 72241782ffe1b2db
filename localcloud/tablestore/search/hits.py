"""What a query answers, and what it is asked of.

An answer is sparse: the documents found, ascending, and a score for each. What is combined costs by
what was found, and an array of flags over all documents tells in microseconds which are in another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.bm25 import Lengths
from tablestore_memory.localcloud.tablestore.search.level import FieldIndex, Level
from tablestore_memory.localcloud.tablestore.search.schema import Field, queryable
from tablestore_memory.localcloud.tablestore.search.terms import TextTerms

MAX_DEPTH = 20


@dataclass(frozen=True)
class Hits:
    """Which documents match, ascending, and how well each does."""

    ordinals: arrays.Ordinals
    scores: arrays.Scores

    def only(self, kept: arrays.Mask) -> "Hits":
        """Those at which the flag is set, one flag for each hit."""
        return Hits(self.ordinals[kept], self.scores[kept])

    def times(self, weight: float) -> "Hits":
        return Hits(self.ordinals, self.scores * weight)


@dataclass(frozen=True)
class Searched:
    """The documents of an index, or the rows in a nested field of theirs, as a query sees them."""

    level: Level
    depth: int = 0
    # Where a clause need not look for more, as another of its query has ruled the rest out.
    within: arrays.Mask | None = None

    @property
    def alive(self) -> arrays.Mask:
        return self.level.alive()

    @property
    def size(self) -> int:
        return self.level.size

    def field(self, name: str) -> tuple[Field, FieldIndex]:
        """A field and its index. Raises ParameterInvalid if it cannot be queried."""
        return queryable(self.level.fields, name), self.level.index(name)

    def lengths(self, name: str, text: TextTerms) -> Lengths:
        """How long the texts of the field are."""
        return self.level.remembered(name, lambda: Lengths.of(text, self.alive))

    def below(self) -> "Searched":
        """The same, one query deeper."""
        refuse.unless(self.depth < MAX_DEPTH, f"Queries are nested deeper than {MAX_DEPTH}.")
        return replace(self, depth=self.depth + 1)

    def inside(self, hits: Hits | None) -> "Searched":
        """The same, looking only at these of what it looks at."""
        if hits is None:
            return self
        flags = self.flags(hits.ordinals)
        return replace(self, within=flags if self.within is None else flags & self.within)

    def everywhere(self) -> "Searched":
        """The same, looking at all, for a query whose hits depend on each other."""
        return replace(self, within=None)

    def flags(self, ordinals: arrays.Ordinals) -> arrays.Mask:
        return arrays.mask_of(ordinals, self.size)

    def worth(self, found: arrays.Ordinals) -> Any:
        """Which of these are worth a closer look: an index of them."""
        return slice(None) if self.within is None else np.flatnonzero(self.within[found])

    def hits(self, found: arrays.Ordinals, scores: arrays.Scores | float = 1.0) -> Hits:
        """Hits at these ordinals, ascending, with one score for all or one for each."""
        each = np.full(len(found), scores) if isinstance(scores, float) else scores
        return Hits(found, each)

    def any_of(self, found: arrays.Ordinals) -> Hits:
        """Hits at these ordinals, in any order and any number of times."""
        return self.hits(np.flatnonzero(self.flags(found)).astype(np.uint32))

    def let_through(self, hits: Hits) -> Hits:
        """Those of the hits that it looks at."""
        return hits if self.within is None else hits.only(self.within[hits.ordinals])

    def everything_inside(self) -> Hits:
        """All that it looks at, without a score."""
        if self.within is None:
            return self.everything(0.0)
        return self.hits(np.flatnonzero(self.within).astype(np.uint32), 0.0)

    def everything(self, score: float = 1.0) -> Hits:
        return self.hits(np.arange(self.size, dtype=np.uint32), score)

    def nothing(self) -> Hits:
        return self.hits(arrays.none())

    def both(self, one: Hits, other: Hits) -> Hits:
        """What both match. Scores add up."""
        few, many = sorted((one, other), key=lambda hits: len(hits.ordinals))
        few = few.only(self.flags(many.ordinals)[few.ordinals])
        return self.plus(few, many)

    def plus(self, hits: Hits, other: Hits) -> Hits:
        """The hits, with the scores that the other gives them added."""
        scores = np.zeros(self.size, dtype=np.float64)
        scores[other.ordinals] = other.scores
        return Hits(hits.ordinals, hits.scores + scores[hits.ordinals])

    def without(self, hits: Hits, other: Hits) -> Hits:
        return hits.only(~self.flags(other.ordinals)[hits.ordinals])

    def all_of(self, clauses: Sequence[Hits]) -> Hits:
        """What every clause matches, of one or more. Scores add up."""
        found = clauses[0]
        for clause in clauses[1:]:
            found = self.both(found, clause)
        return found

    def some_of(self, clauses: Sequence[Hits], least: int) -> Hits:
        """What at least so many of the clauses match."""
        if len(clauses) == least == 1:
            return clauses[0]
        if not clauses:
            return self.everything(0.0) if least <= 0 else self.nothing()
        ordinals = np.concatenate([clause.ordinals for clause in clauses])
        each = np.concatenate([clause.scores for clause in clauses])
        scores: arrays.Scores = np.bincount(ordinals, each, self.size).astype(
            np.float64, copy=False
        )
        found = np.flatnonzero(np.bincount(ordinals, minlength=self.size) >= least)
        return Hits(found.astype(np.uint32), scores[found])
