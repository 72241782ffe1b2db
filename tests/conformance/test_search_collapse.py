"""Collapse: of rows that have a value in common, one."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import BY_SCORE, Searched, by_field, by_key, keyword, long, text
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
DESC = ots.SortOrder.DESC
INVALID = ("OTSParameterInvalid", 400)
FIELDS = (
    keyword("k"),
    keyword("ks", is_array=True),
    long("n"),
    ots.FieldSchema("d", ots.FieldType.DOUBLE),
    ots.FieldSchema("b", ots.FieldType.BOOLEAN),
    text("t"),
)


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    return Searched(client, table, *FIELDS).put_all(
        {
            "a": {"k": "x", "n": 1, "d": 0.5, "t": "tea"},
            "b": {"k": "y", "n": 2, "d": 0.5, "t": "tea tea"},
            "c": {"k": "x", "n": 3, "d": 1.5, "t": "tea tea tea"},
            "d": {"n": 3},
            "e": {"n": 5},
        }
    )


@pytest.mark.parametrize(
    ("name", "sort", "expected"),
    [
        ("k", by_key(), ["a", "b", "d"]),
        ("k", by_key(DESC), ["e", "c", "b"]),
        ("k", by_field("n", DESC), ["e", "c", "b"]),
        ("n", by_key(), ["a", "b", "c", "e"]),
        ("d", by_key(), ["a", "c", "d"]),
    ],
    ids=["keyword", "from the end", "by a number", "long", "double"],
)
def test_first_in_order_is_left(rows: Searched, name: str, sort: Any, expected: list[str]) -> None:
    assert rows.keys(ALL, sort=sort, collapse_field=ots.Collapse(name)) == expected


def test_best_of_each_value_by_score(rows: Searched) -> None:
    query = ots.MatchQuery("t", "tea")

    found = rows.search(query, sort=BY_SCORE, collapse_field=ots.Collapse("k"))

    assert [row[0][0][1] for row in found.rows] == ["c", "b"]
    assert found.search_hits[0].score > found.search_hits[1].score


def test_pages_go_by_offset_alone(rows: Searched) -> None:
    collapse = ots.Collapse("k")

    first = rows.search(ALL, sort=by_key(), limit=2, collapse_field=collapse)

    assert not first.next_token
    assert rows.keys(ALL, sort=by_key(), limit=2, collapse_field=collapse) == ["a", "b"]
    assert rows.keys(ALL, sort=by_key(), limit=2, offset=2, collapse_field=collapse) == ["d"]


def test_count_and_aggregations_are_of_all_rows(rows: Searched) -> None:
    found = rows.search(ALL, collapse_field=ots.Collapse("k"), aggs=[ots.Sum("n")])

    assert found.total_count == 5
    assert found.agg_results[0].value == 14


@pytest.mark.parametrize("name", ["t", "b", "ks", "nowhere"])
def test_field_that_does_not_collapse_is_refused(rows: Searched, name: str) -> None:
    with refused(*INVALID):
        rows.search(ALL, collapse_field=ots.Collapse(name))


def test_token_is_refused(rows: Searched) -> None:
    token = rows.search(ALL, limit=2).next_token

    with refused(*INVALID, "token"):
        rows.search(ALL, next_token=token, collapse_field=ots.Collapse("k"))
