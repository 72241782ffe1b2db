"""NESTED fields: each row in them is asked for itself."""

import json
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import BY_SCORE, FROM_INDEX, Searched, by_key, keyword, long, text
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
INVALID = ("OTSParameterInvalid", 400)
MODE = ots.ScoreMode


def nested(name: str, *fields: ots.FieldSchema) -> ots.FieldSchema:
    return ots.FieldSchema(name, ots.FieldType.NESTED, sub_field_schemas=list(fields))


FIELDS = (
    keyword("k"),
    nested(
        "n",
        keyword("color"),
        long("size"),
        text("note"),
        ots.FieldSchema("price", ots.FieldType.DOUBLE),
        keyword("tags", is_array=True),
        nested("deep", long("x"), long("y")),
    ),
)


def rows_of(*rows: dict[str, Any]) -> dict[str, str]:
    return {"n": json.dumps(list(rows))}


RED_1, BLUE_2 = {"color": "red", "size": 1}, {"color": "blue", "size": 2}
ROWS: dict[Any, dict[str, Any]] = {
    "a": rows_of(RED_1, BLUE_2),
    "b": rows_of({"color": "red", "size": 2, "tags": ["p", "q"], "price": 3}),
    "c": {"n": json.dumps({"color": "green", "note": "green tea", "price": 0.5})},
    "d": rows_of({"deep": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, {"deep": [{"x": 5, "y": 2}]}),
    "e": {"k": "no nested rows"},
    "f": {"n": "no JSON"},
}


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    return Searched(client, table, *FIELDS).put_all(ROWS)


def both(*queries: Any) -> ots.BoolQuery:
    return ots.BoolQuery(must_queries=list(queries))


def test_one_row_must_match_all_of_the_query(rows: Searched) -> None:
    red_and_2 = both(ots.TermQuery("n.color", "red"), ots.TermQuery("n.size", 2))

    assert rows.keys(ots.NestedQuery("n", red_and_2)) == ["b"]


def test_several_nested_queries_may_match_different_rows(rows: Searched) -> None:
    red = ots.NestedQuery("n", ots.TermQuery("n.color", "red"))
    size_2 = ots.NestedQuery("n", ots.TermQuery("n.size", 2))

    assert rows.keys(both(red, size_2)) == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ots.RangeQuery("n.size", 2), ["a", "b"]),
        (ots.TermQuery("n.tags", "q"), ["b"]),
        (ots.TermQuery("n.price", 3.0), ["b"]),
        (ots.MatchQuery("n.note", "tea"), ["c"]),
        (ots.ExistsQuery("n.price"), ["b", "c"]),
        (ALL, ["a", "b", "c", "d"]),
    ],
    ids=["range", "array", "whole double", "text", "exists", "all"],
)
def test_queries_inside(rows: Searched, query: Any, expected: list[str]) -> None:
    assert rows.keys(ots.NestedQuery("n", query)) == expected


def test_rows_inside_rows(rows: Searched) -> None:
    x_3_y_4 = both(ots.TermQuery("n.deep.x", 3), ots.TermQuery("n.deep.y", 4))
    x_1_y_4 = both(ots.TermQuery("n.deep.x", 1), ots.TermQuery("n.deep.y", 4))
    from_within = ots.NestedQuery("n", ots.NestedQuery("n.deep", x_3_y_4))

    assert rows.keys(ots.NestedQuery("n.deep", x_3_y_4)) == ["d"]
    assert rows.keys(ots.NestedQuery("n.deep", x_1_y_4)) == []
    assert rows.keys(from_within) == ["d"]


def test_changed_row_forgets_its_rows(rows: Searched) -> None:
    rows.put("a", **rows_of({"color": "black"}))
    rows.delete("b")
    rows.settle()

    assert rows.keys(ots.NestedQuery("n", ots.TermQuery("n.color", "black"))) == ["a"]
    assert rows.keys(ots.NestedQuery("n", ots.TermQuery("n.color", "red"))) == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(MODE.NONE, 0), (MODE.AVG, 2), (MODE.MAX, 3), (MODE.TOTAL, 4), (MODE.MIN, 1)],
)
def test_score_is_that_of_the_rows_by_mode(
    client: Any, table: str, mode: Any, expected: float
) -> None:
    rows = Searched(client, table, nested("n", long("size")))
    rows.put_all({"a": rows_of({"size": 1}, {"size": 3})})
    by_size = ots.FunctionScoreQuery(ALL, ots.FieldValueFactor("n.size"))

    assert rows.scores(ots.NestedQuery("n", by_size, mode)) == {"a": expected}


def test_aggregations_of_fields_inside_count_every_row(rows: Searched) -> None:
    aggregations = [
        ots.Sum("n.size"),
        ots.Count("n.color"),
        ots.DistinctCount("n.color"),
        ots.Max("n.deep.x"),
    ]

    found = rows.search(ots.NestedQuery("n", ALL), aggs=aggregations, limit=0)

    assert [one.value for one in found.agg_results] == [5, 4, 3, 5]


def test_groups_by_a_field_inside_count_documents_once(rows: Searched) -> None:
    found = rows.search(ALL, group_bys=[ots.GroupByField("n.color")], limit=0)

    [result] = found.group_by_results
    assert [(item.key, item.row_count) for item in result.items] == [
        ("red", 2),
        ("blue", 1),
        ("green", 1),
    ]


def test_column_comes_from_the_index_as_it_was_put(rows: Searched) -> None:
    assert rows.rows(ots.NestedQuery("n", ALL), FROM_INDEX)["a"] == ROWS["a"]


def test_index_is_described_with_its_fields_inside(client: Any, rows: Searched) -> None:
    meta, _ = client.describe_search_index(rows.table, rows.INDEX)

    n = meta.fields[1]
    assert n.field_type == ots.FieldType.NESTED
    assert [field.field_name for field in n.sub_field_schemas][:2] == ["color", "size"]
    assert n.sub_field_schemas[-1].sub_field_schemas[0].field_type == ots.FieldType.LONG
    assert meta.index_sort.sorters == []


def test_pages_need_an_order_to_go_on_in(rows: Searched) -> None:
    """An index with a nested field has none of its own."""
    assert not rows.search(ALL, limit=2).next_token
    assert rows.pages(ALL, limit=4, sort=by_key()) == [["a", "b", "c", "d"], ["e", "f"]]


def test_more_than_256_rows_are_not_indexed(client: Any, table: str) -> None:
    rows = Searched(client, table, *FIELDS)
    rows.put_all({"most": rows_of(*[RED_1] * 256), "more": rows_of(*[RED_1] * 257)})

    assert rows.keys(ots.NestedQuery("n", ALL)) == ["most"]


@pytest.mark.parametrize(
    "query",
    [
        ots.NestedQuery("k", ALL),
        ots.NestedQuery("nowhere", ALL),
        ots.NestedQuery("n", ots.TermQuery("k", "x")),
        ots.NestedQuery("n", ots.TermQuery("color", "red")),
        ots.TermQuery("n", "red"),
        ots.TermQuery("n.color", "red"),
        ots.ExistsQuery("n"),
    ],
    ids=["no nested", "nowhere", "outside", "short name", "whole", "without a path", "exists"],
)
def test_what_makes_no_sense_is_refused(rows: Searched, query: Any) -> None:
    with refused(*INVALID):
        rows.search(query)


@pytest.mark.usefixtures("local_only")
def test_what_is_not_there_is_refused(rows: Searched) -> None:
    hits = ots.InnerHits(None, 0, 10, None)
    by_inside = ots.Sort([ots.FieldSort("n.size")])

    with refused("OTSUnsupportOperation", 403, "inner_hits"):
        rows.search(ots.NestedQuery("n", ALL, inner_hits=hits), sort=BY_SCORE)
    with refused("OTSUnsupportOperation", 403, "n.size"):
        rows.search(ALL, sort=by_inside)


@pytest.mark.parametrize(
    "fields",
    [
        [nested("n")],
        [nested("n", *(long(f"x{number}") for number in range(101)))],
        [nested("n", keyword("k")), keyword("n")],
        [nested("n", nested("n", nested("n", nested("n", nested("n", nested("n", long("x")))))))],
        [keyword("k", sub_field_schemas=[long("x")])],
    ],
    ids=["empty", "101 fields", "name twice", "six levels", "inside a keyword"],
)
def test_schema_that_makes_no_sense_is_refused(client: Any, table: str, fields: Any) -> None:
    with refused(*INVALID):
        client.create_search_index(table, "i", ots.SearchIndexMeta(fields))


def test_index_sort_beside_a_nested_field_is_refused(client: Any, table: str) -> None:
    meta = ots.SearchIndexMeta([nested("n", long("x"))], index_sort=by_key())

    with refused(*INVALID):
        client.create_search_index(table, "i", meta)
