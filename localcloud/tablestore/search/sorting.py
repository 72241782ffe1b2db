"""The order of hits: by score, field and primary key.

Rows that are equal by what was asked, and rows without the field, end in primary key order; those
without the field come last. A sort of many rows is narrowed by numpy first (`leading`), so that
Python compares only what may be on the page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays, refuse, values
from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tablestore_memory.localcloud.tablestore.search.geo_points import GeoPoints, queried
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers
from tablestore_memory.localcloud.tablestore.search.schema import Field, queryable

# What a sorter reads of a document: plain values, so that a page token can carry them.
Place = Any


@dataclass(frozen=True)
class _Sorter:
    """One level of the order: what it reads of a document, and how to compare that."""

    place: Callable[[int], Place]
    key: Callable[[Place], Any]
    # By ordinal, numbers whose ascending order the key refines.
    leading: Callable[[], arrays.Scores] | None = None


@total_ordering
@dataclass(frozen=True, eq=True)
class _Descending:
    """A string or bytes, compared the other way round."""

    value: Any

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)


class Order:
    """The order that a Sort message asks for, over these documents and scores."""

    def __init__(self, sort: Any, documents: Documents, scores: arrays.Scores) -> None:
        self.by_score = any(sorter.HasField("score_sort") for sorter in sort.sorter)
        self._sorters = [_sorter(message, documents, scores) for message in sort.sorter]
        if not any(sorter.HasField("pk_sort") for sorter in sort.sorter):
            self._sorters.append(_by_primary_key(documents, pb.SORT_ORDER_ASC))

    def leading(self) -> arrays.Scores | None:
        """By ordinal, numbers whose ascending order the whole order refines, if there are any."""
        leading = self._sorters[0].leading
        return None if leading is None else leading()

    def places(self, ordinal: int) -> list[Place]:
        """Where a document stands in this order, as plain values."""
        return [sorter.place(ordinal) for sorter in self._sorters]

    def key(self, ordinal: int) -> tuple[Any, ...]:
        """What to compare documents by."""
        return tuple([sorter.key(sorter.place(ordinal)) for sorter in self._sorters])

    def key_of(self, places: list[Place]) -> tuple[Any, ...]:
        """The same, from what `places` returned. Raises ParameterInvalid for another order's."""
        refuse.unless(len(places) == len(self._sorters), "The token does not fit the sort.")
        return tuple(sorter.key(place) for sorter, place in zip(self._sorters, places, strict=True))


def _sorter(message: Any, documents: Documents, scores: arrays.Scores) -> _Sorter:
    if message.HasField("score_sort"):
        return _by_score(scores, message.score_sort)
    if message.HasField("pk_sort"):
        return _by_primary_key(documents, message.pk_sort.order)
    if message.HasField("geo_distance_sort"):
        return _by_distance(message.geo_distance_sort, documents)
    refuse.all_but(message, "field_sort")
    refuse.all_but(message.field_sort, "field_name order mode")
    return _by_field(
        _sortable(message.field_sort.field_name, documents), message.field_sort, documents
    )


def _sortable(name: str, documents: Documents) -> Field:
    if documents.home(name) is not documents:
        raise refuse.unsupported(f"A sort by a field inside a NESTED one ([{name}])")
    field = queryable(documents.fields, name)
    if not field.sortable:
        raise errors.ParameterInvalid(f"{field} has no sort: enable_sort_and_agg is off.")
    return field


def _by_score(scores: arrays.Scores, message: Any) -> _Sorter:
    best_first = not message.HasField("order") or message.order == pb.SORT_ORDER_DESC
    sign = -1.0 if best_first else 1.0
    return _Sorter(
        place=lambda ordinal: float(scores[ordinal]),
        key=lambda score: sign * score,
        leading=lambda: sign * scores,
    )


def _by_primary_key(documents: Documents, order: int) -> _Sorter:
    keys = documents.keys
    if order == pb.SORT_ORDER_ASC:
        return _Sorter(place=keys.__getitem__, key=tuple, leading=documents.ranks)
    return _Sorter(
        place=keys.__getitem__,
        key=lambda place: tuple(_oriented(value, order) for value in place),
        leading=lambda: -documents.ranks(),
    )


def _by_distance(message: Any, documents: Documents) -> _Sorter:
    """By how far documents lie from a point, or from several as the mode says."""
    refuse.all_but(message, "field_name points order mode distance_type")
    if message.distance_type == pb.GEO_DISTANCE_PLANE:
        raise refuse.unsupported("GEO_DISTANCE_PLANE")
    index = documents.index(_sortable(message.field_name, documents).name)
    if not isinstance(index, GeoPoints):
        raise errors.ParameterInvalid(f"Field [{message.field_name}] is not GEO_POINT.")
    refuse.unless(len(message.points) > 0, "A geo distance sort has one point or more.")
    distances = [index.distances_m(queried(text)) for text in message.points]
    metres = _chosen(
        np.tile(index.holders(), len(distances)), np.concatenate(distances), message, documents.size
    )
    sign = 1.0 if message.order == pb.SORT_ORDER_ASC else -1.0
    missing = np.isnan(metres)
    return _Sorter(
        place=lambda ordinal: None if missing[ordinal] else float(metres[ordinal]),
        key=lambda place: (1,) if place is None else (0, sign * place),
        leading=lambda: np.where(missing, np.inf, sign * metres),
    )


def _chosen(holders: Any, numbers: arrays.Scores, message: Any, size: int) -> arrays.Scores:
    """By ordinal, the number that counts of those a document has; NaN if it has none."""
    mode = _mode(message)
    if mode == pb.SORT_MODE_AVG:
        with np.errstate(invalid="ignore"):
            mean: arrays.Scores = np.bincount(holders, numbers, size) / np.bincount(
                holders, minlength=size
            )
        return mean
    chosen = np.full(size, np.nan)
    (np.fmin if mode == pb.SORT_MODE_MIN else np.fmax).at(chosen, holders, numbers)
    return chosen


def _by_field(field: Field, message: Any, documents: Documents) -> _Sorter:
    order = message.order
    choose = _chooser(message)

    def place(ordinal: int) -> Place:
        column = documents.columns[ordinal].get(field.name)
        return None if column is None else choose(values.indexed(field, column))

    return _Sorter(
        place=place,
        key=lambda value: (1,) if value is None else (0, _oriented(value, order)),
        leading=_leading(field, order, documents),
    )


def _chooser(message: Any) -> Callable[[list[Any]], Any]:
    """Which element of an array counts."""
    mode = _mode(message)
    if mode == pb.SORT_MODE_AVG:
        return _average
    return min if mode == pb.SORT_MODE_MIN else max


def _mode(message: Any) -> int:
    """Of several values the smallest going up, the largest down, or as told."""
    if message.HasField("mode"):
        return int(message.mode)
    return pb.SORT_MODE_MIN if message.order == pb.SORT_ORDER_ASC else pb.SORT_MODE_MAX  # type: ignore[no-any-return]


def _average(found: list[Any]) -> float:
    refuse.unless(not isinstance(found[0], str), "The average of strings is no order.")
    return float(sum(found)) / len(found)


def _leading(field: Field, order: int, documents: Documents) -> Callable[[], arrays.Scores] | None:
    index = documents.index(field.name)
    if field.is_array or not isinstance(index, Numbers):
        return None
    numbers = index

    def leading() -> arrays.Scores:
        dense = np.full(documents.size, np.inf)
        found = numbers.values().astype(np.float64)
        dense[numbers.holders()] = found if order == pb.SORT_ORDER_ASC else -found
        return dense

    return leading


def _oriented(value: Any, order: int) -> Any:
    if order == pb.SORT_ORDER_ASC:
        return value
    return -value if isinstance(value, int | float) else _Descending(value)
