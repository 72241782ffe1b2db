"""Aggregations: numbers about what a search finds."""

import math
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import NOTHING, Searched, by_key, keyword, long, returned, text
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
DAY_MS = 86_400_000
INVALID = ("OTSParameterInvalid", 400)


def double(name: str, **options: Any) -> ots.FieldSchema:
    return ots.FieldSchema(name, ots.FieldType.DOUBLE, **options)


FIELDS = (
    keyword("k"),
    keyword("tags", is_array=True),
    text("t"),
    long("n"),
    long("many", is_array=True),
    long("off", enable_sort_and_agg=False),
    double("d"),
    ots.FieldSchema("b", ots.FieldType.BOOLEAN),
    ots.FieldSchema("day", ots.FieldType.DATE, date_formats=["yyyy-MM-dd"]),
    ots.FieldSchema("g", ots.FieldType.GEOPOINT),
)
ROWS: dict[Any, dict[str, Any]] = {
    "a": {"k": "x", "n": 1, "d": 0.5, "b": True, "day": "1970-01-02", "g": "1,1", "t": "tea"},
    "b": {"k": "y", "n": 2, "d": 1.5, "b": True, "day": "1970-01-04", "g": "1,1", "off": 1},
    "c": {"k": "x", "n": 6, "many": "[1, 2, 2]", "tags": '["p", "q"]'},
    "d": {"many": "[7]", "tags": '["q"]', "g": "2,2"},
}


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    return Searched(client, table, *FIELDS).put_all(ROWS)


def value(rows: Searched, aggregation: Any, query: Any = ALL) -> Any:
    [result] = rows.search(query, aggs=[aggregation], limit=0).agg_results
    return result.value


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (ots.Max("n"), 6),
        (ots.Min("n"), 1),
        (ots.Sum("n"), 9),
        (ots.Avg("n"), 3),
        (ots.Max("many"), 7),
        (ots.Sum("many"), 12),
        (ots.Avg("d"), 1),
        (ots.Max("day"), 3 * DAY_MS),
        (ots.Min("day"), 1 * DAY_MS),
        (ots.Avg("day"), 2 * DAY_MS),
        (ots.Count("n"), 3),
        (ots.Count("k"), 3),
        (ots.Count("many"), 4),
        (ots.Count("tags"), 3),
        (ots.Count("b"), 2),
        (ots.Count("g"), 3),
        (ots.Count("day"), 2),
        (ots.DistinctCount("k"), 2),
        (ots.DistinctCount("tags"), 2),
        (ots.DistinctCount("many"), 3),
        (ots.DistinctCount("b"), 1),
        (ots.DistinctCount("g"), 2),
    ],
    ids=lambda one: f"{type(one).__name__} {one.field}" if hasattr(one, "field") else None,
)
def test_number(rows: Searched, aggregation: Any, expected: float) -> None:
    assert value(rows, aggregation) == expected


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (ots.Max("n", 10), 10),
        (ots.Min("n", -1), -1),
        (ots.Sum("n", 1), 10),
        (ots.Avg("n", 3), 3),
        (ots.Max("day", "1970-01-11"), 10 * DAY_MS),
        (ots.DistinctCount("n", 2), 3),
        (ots.DistinctCount("n", 99), 4),
        (ots.DistinctCount("k", "x"), 2),
        (ots.DistinctCount("k", "z"), 3),
        (ots.DistinctCount("g", "2,2"), 2),
    ],
    ids=lambda one: f"{type(one).__name__} {one.field}" if hasattr(one, "field") else None,
)
def test_rows_without_the_field_count_as_told(
    rows: Searched, aggregation: Any, expected: float
) -> None:
    assert value(rows, aggregation) == expected


def test_only_what_is_found_counts(rows: Searched) -> None:
    x = ots.TermQuery("k", "x")

    assert value(rows, ots.Sum("n"), x) == 7
    assert value(rows, ots.Count("many"), x) == 3
    assert value(rows, ots.DistinctCount("tags"), x) == 2


def test_numbers_of_nothing(rows: Searched) -> None:
    nothing = ots.TermQuery("k", "nobody")

    assert value(rows, ots.Sum("n"), nothing) == value(rows, ots.Count("n"), nothing) == 0
    assert value(rows, ots.Max("n"), nothing) == -math.inf
    assert value(rows, ots.Min("n"), nothing) == math.inf
    assert math.isnan(value(rows, ots.Avg("n"), nothing))
    assert value(rows, ots.Percentiles("n", [50]), nothing) == []


def test_several_come_by_name_beside_the_rows(rows: Searched) -> None:
    aggregations = [ots.Sum("n", name="sum of n"), ots.Count("k", name="rows with k")]

    found = rows.search(ALL, aggs=aggregations, sort=by_key())

    assert [(one.name, one.value) for one in found.agg_results] == [
        ("sum of n", 9),
        ("rows with k", 3),
    ]
    assert [row[0][0][1] for row in found.rows] == ["a", "b", "c", "d"]


def test_percentiles_lie_between_values(client: Any, table: str) -> None:
    rows = Searched(client, table, long("n"), double("d"))
    rows.put_all({f"{n:02}": {"n": n, "d": n / 10} for n in range(10)})

    whole = value(rows, ots.Percentiles("n", [90, 50, 0]))
    real = value(rows, ots.Percentiles("d", [50]))

    assert [(one.key, one.value) for one in whole] == [(0, 0), (50, 4), (90, 8)]
    assert [one.value for one in real] == [pytest.approx(0.45)]


def test_percentiles_of_dates_are_milliseconds(rows: Searched) -> None:
    [median] = value(rows, ots.Percentiles("day", [50]))

    assert median.value == 2 * DAY_MS


def test_top_rows_come_in_their_own_order(rows: Searched) -> None:
    top = ots.TopRows(2, ots.Sort([ots.FieldSort("n", ots.SortOrder.DESC)]))

    found = rows.search(ALL, aggs=[top], limit=0, columns=returned("n"))

    assert [key for key, _ in found.agg_results[0].value] == [[("pk", "c")], [("pk", "b")]]
    assert [cells[0][:2] for _, cells in found.agg_results[0].value] == [("n", 6), ("n", 2)]


def test_top_rows_of_keys_alone(rows: Searched) -> None:
    top = ots.TopRows(1, ots.Sort([ots.PrimaryKeySort(ots.SortOrder.DESC)]))

    found = rows.search(ALL, aggs=[top], limit=0, columns=NOTHING)

    assert found.agg_results[0].value == [([("pk", "d")], [])]


@pytest.mark.parametrize(
    "aggregation",
    [
        *(kind(name) for kind in (ots.Max, ots.Min, ots.Avg, ots.Sum) for name in "kbgt"),
        ots.Sum("day"),
        ots.Count("t"),
        ots.DistinctCount("t"),
        *(ots.Percentiles(name, [50]) for name in "kbgt"),
        ots.Max("off"),
        ots.Max("nowhere"),
        ots.Max("n", "no number"),
        ots.Percentiles("n", []),
        ots.Percentiles("n", [101]),
        ots.TopRows(0, None),
        ots.TopRows(101, None),
        ots.TopRows(1, ots.Sort([ots.FieldSort("t")])),
    ],
    ids=lambda one: f"{type(one).__name__} {getattr(one, 'field', one.name)}",
)
def test_what_makes_no_sense_is_refused(rows: Searched, aggregation: Any) -> None:
    with refused(*INVALID):
        rows.search(ALL, aggs=[aggregation])


def test_six_aggregations_are_refused(rows: Searched) -> None:
    aggregations = [ots.Max("n", name=f"{number}") for number in range(6)]

    assert len(rows.search(ALL, aggs=aggregations[:5]).agg_results) == 5
    with refused(*INVALID, "5"):
        rows.search(ALL, aggs=aggregations)
