"""Queries that change the scores of others: by a field, constant, the best of several."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, long, text
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
INVALID = ("OTSParameterInvalid", 400)


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    fields = (keyword("k"), long("n"), long("ns", is_array=True), text("t"))
    return Searched(client, table, *fields).put_all(
        {
            "a": {"k": "x", "n": 3, "t": "green tea"},
            "b": {"k": "y", "n": 5, "t": "black tea"},
            "c": {"k": "y", "n": 0, "t": "green cake"},
            "d": {"n": -1},
        }
    )


def by(name: str, query: Any = ALL) -> ots.FunctionScoreQuery:
    return ots.FunctionScoreQuery(query, ots.FieldValueFactor(name))


def test_field_multiplies_the_score(rows: Searched) -> None:
    plain = rows.scores(ots.MatchQuery("t", "tea"))

    scored = rows.scores(by("n", ots.MatchQuery("t", "tea")))

    assert scored == pytest.approx({"b": plain["b"] * 5, "a": plain["a"] * 3})
    assert list(scored) == ["b", "a"]


def test_row_without_the_field_keeps_its_score(client: Any, table: str) -> None:
    rows = Searched(client, table, long("n")).put_all({"a": {"n": 3}, "b": {}})

    assert rows.scores(by("n")) == {"a": 3, "b": 1}


def test_negative_factor_is_refused(rows: Searched) -> None:
    with refused(*INVALID, "negative"):
        rows.search(by("n"))


@pytest.mark.parametrize("name", ["k", "t", "ns", "nowhere"])
def test_field_that_is_no_number_is_refused(rows: Searched, name: str) -> None:
    with refused(*INVALID):
        rows.search(by(name))


def test_best_of_several_queries_counts(rows: Searched) -> None:
    tea, green = ots.MatchQuery("t", "tea"), ots.MatchQuery("t", "green", weight=3.0)
    scores = {"tea": rows.scores(tea), "green": rows.scores(green)}

    best = rows.scores(ots.DisMaxQuery([tea, green]))
    shared = rows.scores(ots.DisMaxQuery([tea, green], tie_breaker=0.5, weight=2.0))

    assert best == pytest.approx(
        {"a": scores["green"]["a"], "c": scores["green"]["c"], "b": scores["tea"]["b"]}
    )
    assert shared["a"] == pytest.approx(2 * (scores["green"]["a"] + 0.5 * scores["tea"]["a"]))
    assert shared["c"] == pytest.approx(2 * scores["green"]["c"])


def test_dis_max_without_a_query_is_refused(rows: Searched) -> None:
    with refused(*INVALID):
        rows.search(ots.DisMaxQuery([]))
    with refused(*INVALID, "tie_breaker"):
        rows.search(ots.DisMaxQuery([ALL], tie_breaker=1.5))
