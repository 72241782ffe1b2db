"""Aggregations: numbers about the values of a field in the documents found, and the first of them.

Sources: Tablestore API reference, "Aggregation", "Search index limits".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.plainbuffer import encode_value
from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.doc_values import (
    MICROS_OF_MS,
    DocValues,
    doc_values,
)
from tablestore_memory.localcloud.tablestore.search.level import Level

MAX_AGGREGATIONS = 5  # side by side
MAX_TOP_ROWS = 100
MAX_PERCENTILES = 20  # of our own choosing

_NUMBERS = (pb.LONG, pb.DOUBLE)
_ORDERED = (*_NUMBERS, pb.DATE)
_COUNTABLE = (*_ORDERED, pb.BOOLEAN, pb.KEYWORD, pb.GEO_POINT)

TopRows = Callable[[Any, arrays.Ordinals, int], list[bytes]]


@dataclass(frozen=True)
class Found:
    """The documents that a search, or a group of them, has found."""

    level: Level
    ordinals: arrays.Ordinals
    top_rows: TopRows  # the first of some documents by a Sort message, encoded

    def among(self, ordinals: arrays.Ordinals) -> "Found":
        return Found(self.level, ordinals, self.top_rows)


def aggregate(aggregations: Any, found: Found) -> Any:
    """The AggregationsResult. Raises ParameterInvalid, UnsupportOperation."""
    fits = len(aggregations.aggs) <= MAX_AGGREGATIONS
    refuse.unless(fits, f"There are more than {MAX_AGGREGATIONS} aggregations.")
    result = pb.AggregationsResult()
    for asked in aggregations.aggs:
        body = _answer(asked, found)
        result.agg_results.add(name=asked.name, type=asked.type, agg_result=body)
    return result


def _answer(asked: Any, found: Found) -> bytes:
    refuse.unless(asked.HasField("type"), "An aggregation has no type, or one that is not known.")
    if asked.type == pb.AGG_TOP_ROWS:
        return _top_rows(parse(pb.TopRowsAggregation, asked.body), found)
    if asked.type == pb.AGG_PERCENTILES:
        return _percentiles(parse(pb.PercentilesAggregation, asked.body), found)
    message_type, result_type, kinds, number = _SINGLE[asked.type]
    message = parse(message_type, asked.body)
    missing = message.missing if asked.type != pb.AGG_COUNT else b""
    values = _values(message.field_name, found, kinds, missing)
    encoded: bytes = result_type(value=number(values)).SerializeToString()
    return encoded


def _values(name: str, found: Found, kinds: tuple[int, ...], missing: bytes) -> DocValues:
    """The values of the documents found; those that have none are filled or left out."""
    every = doc_values(name, found.level, kinds)
    if missing:
        return every.filled(found.ordinals, found.level.size, missing)
    return every.of(found.ordinals, found.level.size)


def _scaled(values: DocValues, number: float) -> float:
    """Dates are counted in milliseconds outside."""
    return number / MICROS_OF_MS if values.field.kind == pb.DATE else number


def _average(values: DocValues) -> float:
    return _scaled(values, float(values.numbers.mean())) if len(values.numbers) else math.nan


def _largest(values: DocValues) -> float:
    return _scaled(values, float(values.numbers.max())) if len(values.numbers) else -math.inf


def _smallest(values: DocValues) -> float:
    return _scaled(values, float(values.numbers.min())) if len(values.numbers) else math.inf


def _sum(values: DocValues) -> float:
    return float(values.numbers.astype(np.float64).sum())


def _count(values: DocValues) -> int:
    return len(values.numbers)


def _distinct(values: DocValues) -> int:
    return len(np.unique(values.numbers))


def _top_rows(asked: Any, found: Found) -> bytes:
    limit = asked.limit if asked.HasField("limit") else 1
    refuse.unless(0 < limit <= MAX_TOP_ROWS, f"The limit of top rows is 1 to {MAX_TOP_ROWS}.")
    rows = found.top_rows(asked.sort, found.ordinals, limit)
    encoded: bytes = pb.TopRowsAggregationResult(rows=rows).SerializeToString()
    return encoded


def _percentiles(asked: Any, found: Found) -> bytes:
    """Between two values the service interpolates, and cuts the fraction off whole numbers."""
    wanted = sorted(set(asked.percentiles))
    fits = 0 < len(wanted) <= MAX_PERCENTILES
    refuse.unless(fits, f"There are 1 to {MAX_PERCENTILES} percentiles.")
    refuse.unless(all(0 <= one <= 100 for one in wanted), "A percentile is 0 to 100.")
    values = _values(asked.field_name, found, _ORDERED, asked.missing_value)
    result = pb.PercentilesAggregationResult()
    if len(values.numbers):
        for key, value in zip(wanted, _quantiles(values, wanted), strict=True):
            result.percentiles_aggregation_items.add(key=key, value=encode_value(value))
    encoded: bytes = result.SerializeToString()
    return encoded


def _quantiles(values: DocValues, percentiles: list[float]) -> list[int | float]:
    found = np.percentile(values.numbers, percentiles, method="hazen").tolist()
    if values.field.kind == pb.DOUBLE:
        return [float(one) for one in found]
    return [int(_scaled(values, one)) for one in found]


def number_of(result: Any, name: str) -> float:
    """The number that the aggregation of this name came to. Raises ParameterInvalid."""
    for one in result.agg_results:
        if one.name == name and one.type in _SINGLE:
            _, result_type, _, _ = _SINGLE[one.type]
            return float(result_type.FromString(one.agg_result).value)
    raise errors.ParameterInvalid(f"There is no sub-aggregation [{name}] of one number.")


# Its message, its result's, the types of field it takes, and what it counts.
_SINGLE: dict[int, tuple[Any, Any, tuple[int, ...], Callable[[DocValues], float]]] = {
    pb.AGG_AVG: (pb.AvgAggregation, pb.AvgAggregationResult, _ORDERED, _average),
    pb.AGG_MAX: (pb.MaxAggregation, pb.MaxAggregationResult, _ORDERED, _largest),
    pb.AGG_MIN: (pb.MinAggregation, pb.MinAggregationResult, _ORDERED, _smallest),
    pb.AGG_SUM: (pb.SumAggregation, pb.SumAggregationResult, _NUMBERS, _sum),
    pb.AGG_COUNT: (pb.CountAggregation, pb.CountAggregationResult, _COUNTABLE, _count),
    pb.AGG_DISTINCT_COUNT: (
        pb.DistinctCountAggregation,
        pb.DistinctCountAggregationResult,
        _COUNTABLE,
        _distinct,
    ),
}
