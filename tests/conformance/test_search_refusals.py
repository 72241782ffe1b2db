"""What the local search index does not do it refuses, and does not answer wrongly."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, long, text
from tests.conformance.tablestore import refused

pytestmark = pytest.mark.usefixtures("local_only")
UNSUPPORTED = ("OTSUnsupportOperation", 403)
ALL = ots.MatchAllQuery()


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    return Searched(client, table, keyword("k"), long("n"), text("t")).put_all({"a": {"n": 1}})


@pytest.mark.parametrize(
    "query",
    [
        ots.NestedQuery("k", ALL),
        ots.GeoDistanceQuery("k", "1,1", 10),
        ots.GeoBoundingBoxQuery("k", "2,1", "1,2"),
        ots.GeoPolygonQuery("k", ["1,1", "2,2", "3,1"]),
        ots.FunctionScoreQuery(ALL, ots.FieldValueFactor("n")),
        ots.DisMaxQuery([ALL]),
    ],
    ids=lambda query: type(query).__name__,
)
def test_query_type(rows: Searched, query: Any) -> None:
    with refused(*UNSUPPORTED):
        rows.search(query)
    with refused(*UNSUPPORTED):
        rows.search(ots.BoolQuery(must_not_queries=[query]))


@pytest.mark.parametrize(
    "option",
    [
        {"aggs": [ots.Max("n", name="max")]},
        {"group_bys": [ots.GroupByField("k", name="by_k")]},
        {"collapse_field": ots.Collapse("k")},
        {"highlight": ots.Highlight([ots.HighlightParameter("t")])},
        {"sort": ots.Sort([ots.GeoDistanceSort("k", ["1,1"])])},
        {"sort": ots.Sort([ots.DocSort()])},
    ],
    ids=lambda option: next(iter(option)),
)
def test_search_option(rows: Searched, option: dict[str, Any]) -> None:
    with refused(*UNSUPPORTED):
        rows.search(ALL, **option)


def test_conditional_minimum_should_match(rows: Searched) -> None:
    with refused(*UNSUPPORTED):
        rows.search(ots.MatchQuery("t", "a b c", minimum_should_match="2<75%"))


@pytest.mark.parametrize(
    "field",
    [
        ots.FieldSchema("g", ots.FieldType.GEOPOINT),
        ots.FieldSchema("o", ots.FieldType.NESTED, sub_field_schemas=[keyword("k")]),
        ots.FieldSchema("j", ots.FieldType.JSON, json_type=ots.JsonType.OBJECT_JSON),
        ots.FieldSchema("v", ots.FieldType.KEYWORD, is_virtual_field=True, source_fields=["k"]),
        ots.FieldSchema("h", ots.FieldType.TEXT, enable_highlighting=True),
        ots.FieldSchema("s", ots.FieldType.TEXT, text_similarity=ots.TextSimilarity.SHORT_TEXT),
        ots.FieldSchema("d", ots.FieldType.DATE, date_formats=["EEE, dd MMM yyyy"]),
    ],
    ids=lambda field: field.field_name,
)
def test_field(client: Any, table: str, field: Any) -> None:
    with refused(*UNSUPPORTED):
        client.create_search_index(table, "i", ots.SearchIndexMeta([keyword("k"), field]))

    assert client.list_search_index(table) == []


def test_time_to_live(client: Any, rows: Searched) -> None:
    meta = ots.SearchIndexMeta([keyword("k")], time_to_live=86_400)
    with refused(*UNSUPPORTED):
        client.create_search_index(rows.table, "other", meta)
    with refused(*UNSUPPORTED):
        client.update_search_index(rows.table, rows.INDEX, meta)

    assert client.describe_search_index(rows.table, rows.INDEX)[0].time_to_live == -1


@pytest.mark.parametrize(
    "call",
    [
        lambda client, table: client.compute_splits(table, Searched.INDEX),
        lambda client, table: client.parallel_scan(
            table, Searched.INDEX, ots.ScanQuery(ALL, 10, None, 0, 1), None
        ),
    ],
    ids=["compute_splits", "parallel_scan"],
)
def test_operation(client: Any, rows: Searched, call: Callable[..., Any]) -> None:
    with refused(*UNSUPPORTED):
        call(client, rows.table)
