"""Vector queries: each metric, filters, bounds."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import BY_SCORE, Searched, keyword, returned, text, vector
from tests.conformance.tablestore import refused

METRIC = ots.VectorMetricType


def searched_vectors(client: Any, table: str, metric: int = METRIC.VM_COSINE) -> Searched:
    searched = Searched(client, table, keyword("user"), text("t"), vector("v", 2, metric))
    return searched.put_all(
        {
            "east": {"user": "x", "t": "tea", "v": "[1.0, 0.0]"},
            "far east": {"user": "x", "t": "coffee", "v": "[3, 0]"},
            "north": {"user": "y", "t": "tea", "v": "[0, 1]"},
            "west": {"user": "x", "t": "tea", "v": "[-1, 0]"},
            "none": {"user": "x", "t": "tea"},
        }
    )


def near(*numbers: float, top_k: int = 10, **options: Any) -> ots.KnnVectorQuery:
    return ots.KnnVectorQuery(
        "v", top_k=top_k, float32_query_vector=[float(number) for number in numbers], **options
    )


def test_cosine_scores_by_direction(client: Any, table: str) -> None:
    scores = searched_vectors(client, table).scores(near(2, 0))

    expected = {"east": 1.0, "far east": 1.0, "north": 0.5, "west": 0.0}
    assert scores == pytest.approx(expected)


def test_dot_product_scores_by_direction_and_length(client: Any, table: str) -> None:
    scores = searched_vectors(client, table, METRIC.VM_DOT_PRODUCT).scores(near(2, 0))

    assert list(scores) == ["far east", "east", "north", "west"]
    assert scores["west"] > 0


def test_euclidean_scores_by_distance(client: Any, table: str) -> None:
    scores = searched_vectors(client, table, METRIC.VM_EUCLIDEAN).scores(near(1, 0))

    assert list(scores) == ["east", "north", "far east", "west"]
    assert scores["east"] == pytest.approx(1.0)


def test_only_the_top_k_are_found(client: Any, table: str) -> None:
    searched = searched_vectors(client, table)

    found = searched.search(near(1, 0.1, top_k=2), sort=BY_SCORE)

    assert [hit.row[0][0][1] for hit in found.search_hits] == ["east", "far east"]
    assert found.total_count == 2


def test_a_greater_limit_raises_top_k(client: Any, table: str) -> None:
    """And a full page says that there may be more."""
    searched = searched_vectors(client, table)
    every = searched.keys(near(1, 0.1, top_k=10), sort=BY_SCORE)

    found = searched.search(near(1, 0.1, top_k=1), sort=BY_SCORE, limit=2)
    in_another = ots.BoolQuery(must_queries=[near(1, 0.1, top_k=1)])

    assert [row[0][0][1] for row in found.rows] == every[:2]
    assert found.next_token
    assert searched.keys(in_another, sort=BY_SCORE, limit=2) == every[:1]


def test_top_k_counts_what_the_filter_lets_through(client: Any, table: str) -> None:
    query = near(0, 1, top_k=2, filter=ots.TermQuery("user", "x"))

    keys = searched_vectors(client, table).keys(query)

    assert keys == ["east", "far east"]


def test_filter_may_be_a_bool_query(client: Any, table: str) -> None:
    others = ots.BoolQuery(
        must_queries=[ots.MatchQuery("t", "tea")], must_not_queries=[ots.TermQuery("user", "x")]
    )

    assert searched_vectors(client, table).keys(near(1, 0, filter=others)) == ["north"]


def test_vector_query_may_stand_beside_text_in_a_bool_query(client: Any, table: str) -> None:
    query = ots.BoolQuery(should_queries=[near(-1, 0, top_k=1), ots.MatchQuery("t", "coffee")])

    keys = searched_vectors(client, table).keys(query)

    assert keys == ["far east", "west"]


def test_rows_below_the_minimum_score_are_left_out(client: Any, table: str) -> None:
    keys = searched_vectors(client, table).keys(near(1, 0, min_score=0.6))

    assert keys == ["east", "far east"]


def test_vector_itself_is_returned_when_asked_for(client: Any, table: str) -> None:
    rows = searched_vectors(client, table).rows(near(0, 1, top_k=1), returned("v", "user"))

    assert rows == {"north": {"user": "y", "v": "[0, 1]"}}


def test_column_that_is_no_vector_of_the_field_is_not_indexed(client: Any, table: str) -> None:
    searched = Searched(client, table, vector("v", 2))

    searched.put_all(
        {"a": {"v": "[1, 0]"}, "b": {"v": "[1]"}, "c": {"v": "east"}, "d": {"v": "[NaN, 1]"}}
    )

    assert searched.keys(near(1, 0)) == ["a"]
    assert searched.keys(ots.ExistsQuery("v")) == ["a"]


def test_changed_vector_is_found_by_its_new_value(client: Any, table: str) -> None:
    searched = searched_vectors(client, table)

    searched.put("west", user="x", v="[1, 0.01]")

    assert searched.scores(near(1, 0.01))["west"] == pytest.approx(1.0)


@pytest.mark.parametrize("top_k", [0, -1, 1001])
def test_top_k_out_of_bounds_is_refused(client: Any, table: str, top_k: int) -> None:
    with refused("OTSParameterInvalid", 400, "top_k"):
        searched_vectors(client, table).search(near(1, 0, top_k=top_k))


def test_query_of_another_dimension_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "dimension"):
        searched_vectors(client, table).search(near(1, 0, 0))


def test_vector_query_inside_a_filter_is_refused(client: Any, table: str) -> None:
    hidden = ots.BoolQuery(should_queries=[near(1, 0)])

    with refused("OTSParameterInvalid", 400):
        searched_vectors(client, table).search(near(1, 0, filter=hidden))


def test_field_of_another_type_is_refused(client: Any, table: str) -> None:
    searched = searched_vectors(client, table)
    with refused("OTSParameterInvalid", 400):
        searched.search(ots.KnnVectorQuery("user", 1, [1.0, 0.0]))
    with refused("OTSParameterInvalid", 400):
        searched.search(ots.TermQuery("v", "[1, 0]"))
