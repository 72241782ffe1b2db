"""Bool queries: must, must not, filter, should, and how many should."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, long, text


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    searched = Searched(client, table, keyword("user"), long("n"), text("t"))
    return searched.put_all(
        {
            "a": {"user": "x", "n": 1, "t": "green tea"},
            "b": {"user": "x", "n": 2, "t": "black tea"},
            "c": {"user": "x", "n": 3, "t": "coffee"},
            "d": {"user": "y", "n": 4, "t": "green tea"},
        }
    )


USER = ots.TermQuery("user", "x")
TEA = ots.MatchQuery("t", "tea")
GREEN = ots.MatchQuery("t", "green")


def bool_query(**clauses: Any) -> ots.BoolQuery:
    return ots.BoolQuery(**clauses)


def test_must_needs_every_clause(rows: Searched) -> None:
    assert rows.keys(bool_query(must_queries=[USER, TEA])) == ["a", "b"]


def test_filter_needs_every_clause_and_scores_nothing(rows: Searched) -> None:
    filtered = rows.scores(bool_query(must_queries=[TEA], filter_queries=[USER]))
    alone = rows.scores(TEA)

    assert filtered == {key: pytest.approx(alone[key]) for key in ("a", "b")}


def test_filter_narrows_what_must_match_whatever_either_asks(rows: Searched) -> None:
    beyond_one = ots.RangeQuery("n", 2, 4)

    assert rows.keys(bool_query(must_queries=[USER], filter_queries=[beyond_one])) == ["b", "c"]
    assert rows.keys(bool_query(filter_queries=[USER, TEA])) == ["a", "b"]


def test_must_not_excludes(rows: Searched) -> None:
    assert rows.keys(bool_query(must_queries=[USER], must_not_queries=[TEA])) == ["c"]
    assert rows.keys(bool_query(must_not_queries=[USER])) == ["d"]


def test_should_alone_needs_one(rows: Searched) -> None:
    assert rows.keys(bool_query(should_queries=[GREEN, ots.TermQuery("n", 3)])) == ["a", "c", "d"]


def test_should_beside_must_only_scores(rows: Searched) -> None:
    scores = rows.scores(bool_query(must_queries=[USER], should_queries=[TEA, GREEN]))

    assert list(scores) == ["a", "b", "c"]


def test_should_beside_must_is_needed_when_told(rows: Searched) -> None:
    query = bool_query(must_queries=[USER], should_queries=[TEA, GREEN], minimum_should_match=1)

    assert rows.keys(query) == ["a", "b"]


def test_several_should_are_needed_when_told(rows: Searched) -> None:
    clauses = [TEA, GREEN, USER]

    assert rows.keys(bool_query(should_queries=clauses, minimum_should_match=3)) == ["a"]
    assert rows.keys(bool_query(should_queries=clauses, minimum_should_match="2")) == [
        "a",
        "b",
        "d",
    ]


def test_more_should_than_there_are_finds_nothing(rows: Searched) -> None:
    assert rows.keys(bool_query(must_queries=[USER], minimum_should_match=1)) == []


def test_scores_of_clauses_add_up(rows: Searched) -> None:
    together = rows.scores(bool_query(must_queries=[TEA], should_queries=[GREEN]))

    assert together["a"] == pytest.approx(rows.scores(TEA)["a"] + rows.scores(GREEN)["a"])


def test_bool_queries_nest(rows: Searched) -> None:
    either = bool_query(should_queries=[ots.TermQuery("n", 1), ots.TermQuery("n", 4)])

    assert rows.keys(bool_query(must_queries=[either], must_not_queries=[USER])) == ["d"]


def test_bool_query_without_clauses_finds_everything(rows: Searched) -> None:
    assert rows.keys(bool_query()) == ["a", "b", "c", "d"]
