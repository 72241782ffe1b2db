"""The types of group-by: what makes two documents of one group."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_value, encode_value
from tablestore_memory.localcloud.tablestore.search import (
    arrays,
    date_steps,
    geo_points,
    refuse,
    values,
)
from tablestore_memory.localcloud.tablestore.search.aggregations import Found
from tablestore_memory.localcloud.tablestore.search.doc_values import (
    MICROS_OF_MS,
    DocValues,
    doc_values,
)
from tablestore_memory.localcloud.tablestore.search.geo_points import GeoPoints, Point
from tablestore_memory.localcloud.tablestore.search.groups import Group, Kind, by_number
from tablestore_memory.localcloud.tablestore.search.schema import queryable

MAX_GROUPS = 2000
DEFAULT_GROUPS = 10
MAX_FILTERS = 10
MAX_RANGES = 100
MAX_GEO_RANGES = 10

Evaluate = Callable[[Any], arrays.Ordinals]


def kinds(evaluate: Evaluate) -> dict[int, Kind]:
    """Every type that there is; `evaluate` finds the documents of a filter."""
    by_sort = "field_name sort field_range min_doc_count"
    return {
        pb.GROUP_BY_FIELD: Kind(
            pb.GroupByField,
            pb.GroupByFieldResult,
            "group_by_field_result_items",
            "row_count",
            _by_field,
            "field_name size sort",
            _size,
        ),
        pb.GROUP_BY_RANGE: Kind(
            pb.GroupByRange,
            pb.GroupByRangeResult,
            "group_by_range_result_items",
            "row_count",
            _by_range,
            "field_name ranges",
        ),
        pb.GROUP_BY_FILTER: Kind(
            pb.GroupByFilter,
            pb.GroupByFilterResult,
            "group_by_filter_result_items",
            "row_count",
            lambda message, found: _by_filter(message, found, evaluate),
            "filters",
        ),
        pb.GROUP_BY_GEO_DISTANCE: Kind(
            pb.GroupByGeoDistance,
            pb.GroupByGeoDistanceResult,
            "group_by_geo_distance_result_items",
            "row_count",
            _by_distance,
            "field_name origin ranges",
        ),
        pb.GROUP_BY_HISTOGRAM: Kind(
            pb.GroupByHistogram,
            pb.GroupByHistogramResult,
            "group_by_histogra_items",
            "value",
            _by_step,
            f"{by_sort} interval missing_value",
        ),
        pb.GROUP_BY_DATE_HISTOGRAM: Kind(
            pb.GroupByDateHistogram,
            pb.GroupByDateHistogramResult,
            "group_by_date_histogram_items",
            "row_count",
            _by_date,
            f"{by_sort} interval missing time_zone offset",
        ),
    }


def _size(message: Any) -> int:
    size = message.size if message.HasField("size") else DEFAULT_GROUPS
    refuse.unless(0 < size <= MAX_GROUPS, f"The size of a group-by is 1 to {MAX_GROUPS}.")
    return int(size)


def _by_field(message: Any, found: Found) -> Iterator[Group]:
    kinds = (pb.LONG, pb.DOUBLE, pb.BOOLEAN, pb.KEYWORD, pb.DATE)
    every = doc_values(message.field_name, found.level, kinds)
    if not message.sort.sorters:
        message.sort.sorters.add().row_count_sort.order = pb.SORT_ORDER_DESC
    for number, ordinals in by_number(every.of(found.ordinals, found.level.size)):
        label = every.label(number)
        key = label if every.field.kind == pb.KEYWORD else number
        yield Group(key, ordinals, {"key": label})


def _by_range(message: Any, found: Found) -> Iterator[Group]:
    _check_ranges(message.ranges, MAX_RANGES)
    every = doc_values(message.field_name, found.level, (pb.LONG, pb.DOUBLE))
    inside = every.of(found.ordinals, found.level.size)
    yield from _ranges(message.ranges, inside.holders, inside.numbers)


def _by_distance(message: Any, found: Found) -> Iterator[Group]:
    _check_ranges(message.ranges, MAX_GEO_RANGES)
    refuse.unless(message.HasField("origin"), "A group-by of distances has an origin.")
    field = queryable(found.level.fields, message.field_name)
    index = found.level.index(field.name)
    if not isinstance(index, GeoPoints):
        raise errors.ParameterInvalid(f"This group-by works on GEO_POINT, not on {field}.")
    origin = geo_points.queried(str(Point(message.origin.lat, message.origin.lon)))
    kept = arrays.mask_of(found.ordinals, found.level.size)[index.holders()]
    yield from _ranges(message.ranges, index.holders()[kept], index.distances_m(origin)[kept])


def _check_ranges(ranges: Any, most: int) -> None:
    refuse.unless(0 < len(ranges) <= most, f"A group-by has 1 to {most} ranges.")
    fits = all(one.begin < one.end for one in ranges)
    refuse.unless(fits, "A range must begin before its end.")


def _ranges(ranges: Any, holders: arrays.Ordinals, numbers: Any) -> Iterator[Group]:
    """Each range, from its begin on and before its end, whether or not there are documents."""
    for one in ranges:
        inside = holders[(numbers >= one.begin) & (numbers < one.end)]
        yield Group(None, np.unique(inside), {"range_from": one.begin, "range_to": one.end})


def _by_filter(message: Any, found: Found, evaluate: Evaluate) -> Iterator[Group]:
    fits = 0 < len(message.filters) <= MAX_FILTERS
    refuse.unless(fits, f"A group-by has 1 to {MAX_FILTERS} filters.")
    for query in message.filters:
        kept = arrays.mask_of(evaluate(query), found.level.size)[found.ordinals]
        yield Group(None, found.ordinals[kept], {})


def _by_step(message: Any, found: Found) -> Iterator[Group]:
    """A histogram: multiples of the interval, within the range."""
    every = doc_values(message.field_name, found.level, (pb.LONG, pb.DOUBLE))
    interval = _number(every, message.interval, "interval")
    refuse.unless(interval > 0, "The interval of a histogram must be greater than 0.")
    inside = _in_range(message, every, found, message.missing_value)
    steps = inside.only(inside.holders, inside.numbers // interval * interval)
    for start, ordinals in _steps(steps, message, lambda start: start + interval):
        yield Group(start, ordinals, {"key": encode_value(start)})


def _by_date(message: Any, found: Found) -> Iterator[Group]:
    """A histogram of dates."""
    every = doc_values(message.field_name, found.level, (pb.DATE,))
    zone, offset = date_steps.zone(message.time_zone), date_steps.offset_micros(message.offset)
    begin = date_steps.step(message.interval, zone, offset)
    inside = _in_range(message, every, found, message.missing)
    different, places = np.unique(inside.numbers, return_inverse=True)
    begins = np.array([begin(micros) for micros in different.tolist()], dtype=np.int64)
    steps = inside.only(inside.holders, begins[places])
    reach = date_steps.reach_micros(message.interval)
    for start, ordinals in _steps(steps, message, lambda start: begin(start + reach)):
        yield Group(start, ordinals, {"timestamp": start // MICROS_OF_MS})


def _steps(
    steps: DocValues, message: Any, following: Callable[[Any], Any]
) -> Iterator[tuple[Any, arrays.Ordinals]]:
    """Each step with its documents; empty ones in between only if none need be in them."""
    least = message.min_doc_count if message.HasField("min_doc_count") else 1
    refuse.unless(least >= 0, "The min_doc_count must not be negative.")
    every = _without_gaps(by_number(steps), following) if least == 0 else by_number(steps)
    for count, (start, ordinals) in enumerate(every):
        refuse.unless(count < MAX_GROUPS, f"A histogram has more than {MAX_GROUPS} groups.")
        if len(ordinals) >= least:
            yield start, ordinals


def _without_gaps(
    steps: Iterable[tuple[Any, arrays.Ordinals]], following: Callable[[Any], Any]
) -> Iterator[tuple[Any, arrays.Ordinals]]:
    expected = None
    for start, ordinals in steps:
        while expected is not None and expected < start:
            yield expected, arrays.none()
            expected = following(expected)
        yield start, ordinals
        expected = following(start)


def _number(every: DocValues, raw: bytes, name: str) -> Any:
    refuse.unless(bool(raw), f"A histogram has [{name}].")
    return values.queried(every.field, decode_value(raw))


def _in_range(message: Any, every: DocValues, found: Found, missing: bytes) -> DocValues:
    """The values of the documents found that lie in the field_range of the message."""
    size = found.level.size
    inside = (
        every.filled(found.ordinals, size, missing) if missing else every.of(found.ordinals, size)
    )
    kept = np.ones(len(inside.numbers), dtype=np.bool_)
    if message.field_range.HasField("min"):
        kept &= inside.numbers >= _number(every, message.field_range.min, "min")
    if message.field_range.HasField("max"):
        kept &= inside.numbers <= _number(every, message.field_range.max, "max")
    return inside.only(inside.holders[kept], inside.numbers[kept])
