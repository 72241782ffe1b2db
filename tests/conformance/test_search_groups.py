"""Group-bys: what a search finds in groups, nested and sorted."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, long, returned
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
INVALID = ("OTSParameterInvalid", 400)
ASC, DESC = ots.SortOrder.ASC, ots.SortOrder.DESC
FIELDS = (
    keyword("k"),
    keyword("tags", is_array=True),
    long("n"),
    long("many", is_array=True),
    long("off", enable_sort_and_agg=False),
    ots.FieldSchema("d", ots.FieldType.DOUBLE),
    ots.FieldSchema("b", ots.FieldType.BOOLEAN),
    ots.FieldSchema("t", ots.FieldType.TEXT),
    ots.FieldSchema("g", ots.FieldType.GEOPOINT),
    ots.FieldSchema("at", ots.FieldType.DATE, date_formats=["yyyy-MM-dd HH:mm:ss"]),
)
ROWS: dict[Any, dict[str, Any]] = {
    "a": {"k": "x", "n": 1, "d": 0.5, "b": True, "g": "0,0", "at": "2024-01-31 23:30:00"},
    "b": {"k": "x", "n": 2, "d": 1.0, "b": False, "g": "0,1", "at": "2024-02-01 00:30:00"},
    "c": {"k": "y", "n": 2, "d": 2.5, "b": True, "g": "0,2", "at": "2024-04-15 12:00:00"},
    "d": {"k": "z", "n": 12, "many": "[1, 1, 15]", "tags": '["p", "q"]'},
    "e": {"n": 12, "many": "[2]", "tags": '["q"]'},
}


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    return Searched(client, table, *FIELDS).put_all(ROWS)


def groups(rows: Searched, group_by: Any, query: Any = ALL) -> list[Any]:
    [result] = rows.search(query, group_bys=[group_by], limit=0).group_by_results
    return list(result.items)


def counts(items: list[Any]) -> list[tuple[Any, int]]:
    return [(item.key, item.row_count) for item in items]


def test_values_of_a_field_come_by_count_and_key(rows: Searched) -> None:
    assert counts(groups(rows, ots.GroupByField("k"))) == [("x", 2), ("y", 1), ("z", 1)]
    assert counts(groups(rows, ots.GroupByField("n"))) == [("2", 2), ("12", 2), ("1", 1)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("d", [("0.5", 1), ("1.0", 1), ("2.5", 1)]),
        ("b", [("true", 2), ("false", 1)]),
        ("tags", [("q", 2), ("p", 1)]),
        ("many", [("1", 1), ("2", 1), ("15", 1)]),
        ("at", [("1706743800000", 1), ("1706747400000", 1), ("1713182400000", 1)]),
    ],
)
def test_keys_of_each_type(rows: Searched, name: str, expected: Any) -> None:
    assert counts(groups(rows, ots.GroupByField(name))) == expected


def test_only_what_is_found_is_grouped(rows: Searched) -> None:
    found = groups(rows, ots.GroupByField("k"), ots.RangeQuery("n", 2, 3))

    assert counts(found) == [("x", 1), ("y", 1)]


def test_groups_are_as_many_as_asked_for(rows: Searched) -> None:
    assert counts(groups(rows, ots.GroupByField("k", size=1))) == [("x", 2)]


def test_ten_groups_are_answered_by_default(client: Any, table: str) -> None:
    rows = Searched(client, table, long("n"))
    rows.put_all({f"{n:02}": {"n": n} for n in range(12)})

    assert [item.key for item in groups(rows, ots.GroupByField("n"))] == [str(n) for n in range(10)]
    assert len(groups(rows, ots.GroupByField("n", size=2000))) == 12


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ([ots.GroupKeySort(DESC)], ["z", "y", "x"]),
        ([ots.RowCountSort(ASC)], ["y", "z", "x"]),
        ([ots.RowCountSort(ASC), ots.GroupKeySort(DESC)], ["z", "y", "x"]),
        ([ots.SubAggSort(DESC, "largest")], ["z", "x", "y"]),
        ([ots.SubAggSort(ASC, "largest"), ots.GroupKeySort(DESC)], ["y", "x", "z"]),
    ],
    ids=["key", "count", "count and key", "aggregation", "aggregation and key"],
)
def test_groups_are_sorted_as_asked(rows: Searched, sort: Any, expected: list[str]) -> None:
    group_by = ots.GroupByField("k", group_by_sort=sort, sub_aggs=[ots.Max("n", name="largest")])

    assert [item.key for item in groups(rows, group_by)] == expected


def test_groups_have_aggregations_and_groups_of_their_own(rows: Searched) -> None:
    innermost = ots.GroupByField("b", name="by b")
    inner = ots.GroupByField("n", name="by n", sub_group_bys=[innermost], sub_aggs=[ots.Avg("d")])
    outer = ots.GroupByField("k", sub_group_bys=[inner], sub_aggs=[ots.Sum("n", name="sum")])

    x, y, _ = groups(rows, outer)

    assert [(agg.name, agg.value) for agg in x.sub_aggs] == [("sum", 3)]
    assert [group.name for group in x.sub_group_bys] == ["by n"]
    assert counts(x.sub_group_bys[0].items) == [("1", 1), ("2", 1)]
    assert [item.sub_aggs[0].value for item in x.sub_group_bys[0].items] == [0.5, 1.0]
    assert counts(y.sub_group_bys[0].items[0].sub_group_bys[0].items) == [("true", 1)]


def test_top_rows_of_each_group(rows: Searched) -> None:
    top = ots.TopRows(1, ots.Sort([ots.FieldSort("n", DESC)]))
    group_by = ots.GroupByField("k", sub_aggs=[top])

    [result] = rows.search(
        ALL, group_bys=[group_by], limit=0, columns=returned("n")
    ).group_by_results

    keys = [item.sub_aggs[0].value[0][0] for item in result.items]
    assert keys == [[("pk", "b")], [("pk", "c")], [("pk", "d")]]


def test_ranges_hold_their_begin_and_not_their_end(rows: Searched) -> None:
    found = groups(rows, ots.GroupByRange("n", [(1, 2), (2, 12), (12, 100), (100, 200)]))

    assert [(item.range_from, item.range_to, item.row_count) for item in found] == [
        (1, 2, 1),
        (2, 12, 2),
        (12, 100, 2),
        (100, 200, 0),
    ]


def test_row_counts_once_in_a_range_for_all_its_values(rows: Searched) -> None:
    found = groups(rows, ots.GroupByRange("many", [(0, 10), (10, 20)]))

    assert [item.row_count for item in found] == [2, 1]


def test_filters_make_a_group_each(rows: Searched) -> None:
    filters = [ots.TermQuery("n", 2), ots.ExistsQuery("k"), ots.TermQuery("k", "nobody")]

    found = groups(rows, ots.GroupByFilter(filters, sub_aggs=[ots.Sum("n")]), ots.ExistsQuery("d"))

    assert [item.row_count for item in found] == [2, 3, 0]
    assert [item.sub_aggs[0].value for item in found] == [4, 5, 0]


def test_distances_are_in_metres(rows: Searched) -> None:
    """A degree of longitude on the equator is some 111 km."""
    ranges = [(0, 1000), (1000, 150_000), (150_000, 1_000_000)]

    found = groups(rows, ots.GroupByGeoDistance("g", ots.GeoPoint(0, 0), ranges))

    assert [item.row_count for item in found] == [1, 1, 1]


def test_histogram_steps_are_multiples_of_the_interval(rows: Searched) -> None:
    whole = groups(rows, ots.GroupByHistogram("n", 5, ots.FieldRange(0, 20)))
    real = groups(rows, ots.GroupByHistogram("d", 0.5, ots.FieldRange(0.0, 2.0)))

    assert [(item.key, item.value) for item in whole] == [(0, 3), (10, 2)]
    assert [(item.key, item.value) for item in real] == [(0.5, 1), (1.0, 1)]


def test_histogram_of_what_lacks_the_field(rows: Searched) -> None:
    group_by = ots.GroupByHistogram("d", 1.0, ots.FieldRange(0.0, 20.0), missing_value=9.5)

    assert [(item.key, item.value) for item in groups(rows, group_by)] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (9, 2),
    ]


def test_histogram_without_least_count_has_no_gaps(rows: Searched) -> None:
    group_by = ots.GroupByHistogram("n", 5, ots.FieldRange(0, 20), min_doc_count=0)
    at_least_3 = ots.GroupByHistogram("n", 5, ots.FieldRange(0, 20), min_doc_count=3)

    assert [(item.key, item.value) for item in groups(rows, group_by)] == [(0, 3), (5, 0), (10, 2)]
    assert [(item.key, item.value) for item in groups(rows, at_least_3)] == [(0, 3)]


JANUARY, FEBRUARY, MARCH, APRIL = 1704067200000, 1706745600000, 1709251200000, 1711929600000
UNIT = ots.DateTimeUnit


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (ots.DateTimeValue(1, UNIT.YEAR), [(JANUARY, 3)]),
        (ots.DateTimeValue(1, UNIT.QUARTER_YEAR), [(JANUARY, 2), (APRIL, 1)]),
        (ots.DateTimeValue(1, UNIT.MONTH), [(JANUARY, 1), (FEBRUARY, 1), (APRIL, 1)]),
        (ots.DateTimeValue(1, UNIT.WEEK), [(1706486400000, 2), (1713139200000, 1)]),
        (
            ots.DateTimeValue(1, UNIT.DAY),
            [(1706659200000, 1), (FEBRUARY, 1), (1713139200000, 1)],
        ),
        (
            ots.DateTimeValue(2, UNIT.HOUR),
            [(1706738400000, 1), (FEBRUARY, 1), (1713182400000, 1)],
        ),
    ],
    ids=["year", "quarter", "month", "week", "day", "two hours"],
)
def test_date_histogram_steps_are_those_of_the_calendar(
    rows: Searched, interval: Any, expected: Any
) -> None:
    found = groups(rows, ots.GroupByDateHistogram("at", interval))

    assert [(item.timestamp, item.row_count) for item in found] == expected


def test_date_histogram_of_a_time_zone(rows: Searched) -> None:
    """Half past eleven at night of January 31st is February in Shanghai."""
    month = ots.DateTimeValue(1, UNIT.MONTH)
    eight_hours = 8 * 3_600_000

    for zone in ("+08:00", "Asia/Shanghai"):
        found = groups(rows, ots.GroupByDateHistogram("at", month, time_zone=zone))

        assert [(item.timestamp, item.row_count) for item in found] == [
            (FEBRUARY - eight_hours, 2),
            (APRIL - eight_hours, 1),
        ]


def test_date_histogram_within_bounds_and_without_gaps(rows: Searched) -> None:
    month = ots.DateTimeValue(1, UNIT.MONTH)
    bounds = ots.FieldRange("2024-02-01 00:00:00", "2024-12-31 00:00:00")

    found = groups(rows, ots.GroupByDateHistogram("at", month, field_range=bounds, min_doc_count=0))

    assert [(item.timestamp, item.row_count) for item in found] == [
        (FEBRUARY, 1),
        (MARCH, 0),
        (APRIL, 1),
    ]


def test_date_histogram_is_sorted_as_asked(rows: Searched) -> None:
    month = ots.DateTimeValue(1, UNIT.MONTH)

    found = groups(
        rows, ots.GroupByDateHistogram("at", month, group_by_sort=[ots.GroupKeySort(DESC)])
    )

    assert [item.timestamp for item in found] == [APRIL, FEBRUARY, JANUARY]


def nested(depth: int) -> Any:
    inside = [nested(depth - 1)] if depth > 1 else []
    return ots.GroupByField("k", sub_group_bys=inside)


DAY = ots.DateTimeValue(1, UNIT.DAY)


@pytest.mark.parametrize(
    "group_by",
    [
        ots.GroupByField("t"),
        ots.GroupByField("g"),
        ots.GroupByField("off"),
        ots.GroupByField("nowhere"),
        ots.GroupByField("k", size=0),
        ots.GroupByField("k", size=2001),
        ots.GroupByField("k", group_by_sort=[ots.SubAggSort(ASC, "nowhere")]),
        ots.GroupByRange("k", [(0, 1)]),
        ots.GroupByRange("n", [(1, 1)]),
        ots.GroupByRange("n", [(n, n + 1) for n in range(101)]),
        ots.GroupByFilter([ALL] * 11),
        ots.GroupByGeoDistance("k", ots.GeoPoint(0, 0), [(0, 1)]),
        ots.GroupByGeoDistance("g", ots.GeoPoint(91, 0), [(0, 1)]),
        ots.GroupByGeoDistance("g", ots.GeoPoint(0, 0), [(n, n + 1) for n in range(11)]),
        ots.GroupByHistogram("k", 1, ots.FieldRange(0, 1)),
        ots.GroupByHistogram("n", 0, ots.FieldRange(0, 1)),
        ots.GroupByDateHistogram("n", DAY),
        ots.GroupByDateHistogram("at", ots.DateTimeValue(0, UNIT.DAY)),
        ots.GroupByDateHistogram("at", DAY, time_zone="Nowhere/Town"),
        nested(4),
    ],
    ids=lambda one: f"{type(one).__name__} {one.field_name}",
)
def test_what_makes_no_sense_is_refused(rows: Searched, group_by: Any) -> None:
    with refused(*INVALID):
        rows.search(ALL, group_bys=[group_by])


def test_three_levels_and_five_side_by_side_are_answered_and_no_more(rows: Searched) -> None:
    many = [ots.GroupByField("k", name=f"{number}") for number in range(6)]

    assert len(rows.search(ALL, group_bys=[nested(3)]).group_by_results) == 1
    assert len(rows.search(ALL, group_bys=many[:5]).group_by_results) == 5
    with refused(*INVALID, "5"):
        rows.search(ALL, group_bys=many)


def test_more_than_2000_steps_are_refused(rows: Searched) -> None:
    """From 1 to 12 in steps of a five-hundredth."""
    group_by = ots.GroupByHistogram("d", 0.0001, ots.FieldRange(0.0, 20.0), min_doc_count=0)

    with refused(*INVALID, "2000"):
        rows.search(ALL, group_bys=[group_by])


@pytest.mark.usefixtures("local_only")
@pytest.mark.parametrize(
    "group_by",
    [
        ots.GroupByGeoGrid("g", ots.GeoHashPrecision.GHP_156KM_156KM_3),
        ots.GroupByComposite([ots.GroupByField("k")]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_types_that_are_not_there_are_refused(rows: Searched, group_by: Any) -> None:
    with refused("OTSUnsupportOperation", 403, "GROUP_BY_"):
        rows.search(ALL, group_bys=[group_by])
