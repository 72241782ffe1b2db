"""What the local search index does not do it refuses, and does not answer wrongly."""

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


def test_sort_by_document(rows: Searched) -> None:
    with refused(*UNSUPPORTED):
        rows.search(ALL, sort=ots.Sort([ots.DocSort()]))


def test_conditional_minimum_should_match(rows: Searched) -> None:
    with refused(*UNSUPPORTED):
        rows.search(ots.MatchQuery("t", "a b c", minimum_should_match="2<75%"))


@pytest.mark.parametrize(
    "field",
    [
        ots.FieldSchema("j", ots.FieldType.JSON, json_type=ots.JsonType.OBJECT_JSON),
        ots.FieldSchema("v", ots.FieldType.KEYWORD, is_virtual_field=True, source_fields=["k"]),
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
