"""The values of a field by document, for what counts and sums them instead of searching.

A value is held as a number: itself, its place among the keywords, or the code of a point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_value
from tablestore_memory.localcloud.tablestore.search import arrays, values
from tablestore_memory.localcloud.tablestore.search.geo_points import GeoPoints, code_of
from tablestore_memory.localcloud.tablestore.search.level import Level
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers
from tablestore_memory.localcloud.tablestore.search.schema import Field, queryable
from tablestore_memory.localcloud.tablestore.search.terms import KeywordTerms

MICROS_OF_MS = 1000


@dataclass(frozen=True)
class DocValues:
    """A pair for each value: the document that has it and the number it is held as."""

    field: Field
    holders: arrays.Ordinals
    numbers: NDArray[Any]
    label: Callable[[Any], str]  # the value that a number stands for, as the key of a group
    number: Callable[[Any], Any]  # what a value is held as

    def only(self, holders: arrays.Ordinals, numbers: NDArray[Any]) -> "DocValues":
        """The same field with these values."""
        return DocValues(self.field, holders, numbers, self.label, self.number)

    def of(self, documents: arrays.Ordinals, size: int) -> "DocValues":
        """Those of these documents alone."""
        kept = arrays.mask_of(documents, size)[self.holders]
        return self.only(self.holders[kept], self.numbers[kept])

    def filled(self, documents: arrays.Ordinals, size: int, missing: bytes) -> "DocValues":
        """Those of these documents, with a value for those that have none of their own."""
        own = self.of(documents, size)
        lacking = documents[~arrays.mask_of(own.holders, size)[documents]]
        number = self.number(values.queried(self.field, decode_value(missing)))
        holders = np.concatenate((own.holders, lacking))
        numbers = np.concatenate((own.numbers, np.full(len(lacking), number, own.numbers.dtype)))
        return self.only(holders, numbers)

    def each_once(self) -> "DocValues":
        """With a value that a document has several times only once."""
        order = np.lexsort((self.numbers, self.holders))
        holders, numbers = self.holders[order], self.numbers[order]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (np.diff(holders.astype(np.int64)) != 0) | (numbers[1:] != numbers[:-1])
        return self.only(holders[new], numbers[new])


def doc_values(name: str, level: Level, kinds: tuple[int, ...]) -> DocValues:
    """The values of a field of the level, or of a nested one below it, by the level's documents.

    Raises ParameterInvalid if there is no such field, it is of another type or cannot be
    aggregated.
    """
    home = level.home(name)
    field = queryable(home.fields, name)
    if field.kind not in kinds:
        raise errors.ParameterInvalid(f"This aggregation does not work on {field}.")
    if not field.sortable:
        raise errors.ParameterInvalid(f"{field} has no aggregation: enable_sort_and_agg is off.")
    index = home.index(name)
    if isinstance(index, KeywordTerms):
        return _of_keywords(field, index, home, level)
    if isinstance(index, GeoPoints):
        return DocValues(field, home.ancestors(index.holders(), level), index.codes(), str, code_of)
    if not isinstance(index, Numbers):
        raise errors.ParameterInvalid(f"This aggregation does not work on {field}.")
    label = _LABELS.get(field.kind, repr)
    return DocValues(
        field, home.ancestors(index.holders(), level), index.values(), label, lambda value: value
    )


def _of_keywords(field: Field, index: KeywordTerms, home: Level, level: Level) -> DocValues:
    holders, numbers, terms = index.pairs()
    return DocValues(
        field,
        home.ancestors(holders, level),
        numbers,
        terms.__getitem__,
        lambda term: terms.index(term) if term in terms else len(terms),
    )


_LABELS: dict[int, Callable[[Any], str]] = {
    pb.BOOLEAN: lambda number: "true" if number else "false",
    pb.DATE: lambda micros: str(micros // MICROS_OF_MS),
}
