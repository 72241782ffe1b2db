"""The index against a plain model of it, whatever comes, goes and is cleared away."""

import json
import math
from collections import Counter
from typing import Any

import pytest
import tablestore as ots
from hypothesis import given, settings
from hypothesis import strategies as st
from tablestore.decoder import OTSProtoBufferDecoder

from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tests.conformance.searched import BY_SCORE, keyword, long, text, vector
from tests.examples import examples
from tests.unit.search_index import Indexed, keys_of

WORDS = ("tea", "green", "cat", "茶")
ALL = ots.MatchAllQuery()
rows = st.fixed_dictionaries(
    {},
    optional={
        "k": st.sampled_from(["x", "y", "z"]),
        "n": st.integers(-3, 3),
        "t": st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
        "v": st.tuples(st.integers(-2, 2), st.integers(-2, 2)).map(lambda v: json.dumps(list(v))),
        "g": st.sampled_from(["1,1", "1,2", "3,3"]),
        "o": st.lists(st.fixed_dictionaries({}, optional={"x": st.integers(0, 2)}), max_size=3).map(
            json.dumps
        ),
    },
)
steps = st.lists(st.tuples(st.integers(0, 12), st.none() | rows), max_size=60)
fields = (
    keyword("k"),
    long("n"),
    text("t"),
    vector("v", 2, ots.VectorMetricType.VM_EUCLIDEAN),
    ots.FieldSchema("g", ots.FieldType.GEOPOINT),
    ots.FieldSchema("o", ots.FieldType.NESTED, sub_field_schemas=[long("x")]),
)


def run(changes: list[tuple[int, dict[str, Any] | None]]) -> Indexed:
    indexed = Indexed(*fields)
    for key, row in changes:
        if row is None:
            indexed.delete(key)
        else:
            indexed.put(key, **row)
    return indexed


def matching(indexed: Indexed, wanted: Any) -> list[int]:
    return sorted(key for (key,), row in indexed.store.content.items() if wanted(row))


@pytest.fixture(autouse=True)
def clear_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Documents, "dead_worth_clearing", 3)


@settings(max_examples=examples(100), deadline=None)
@given(steps)
def test_queries_find_what_the_rows_hold(changes: Any) -> None:
    indexed = run(changes)

    assert indexed.keys(ALL) == matching(indexed, lambda row: True)
    assert indexed.keys(ots.TermQuery("k", "x")) == matching(indexed, lambda r: r.get("k") == "x")
    assert indexed.keys(ots.RangeQuery("n", -1, 2)) == matching(
        indexed, lambda row: -1 <= row.get("n", 9) < 2
    )
    assert indexed.keys(ots.ExistsQuery("v")) == matching(indexed, lambda row: "v" in row)
    assert indexed.keys(ots.MatchQuery("t", "tea 茶")) == matching(
        indexed, lambda row: {"tea", "茶"} & set(row.get("t", "").split())
    )
    assert indexed.keys(ots.MatchPhraseQuery("t", "green tea")) == matching(
        indexed, lambda row: " green tea " in f" {row.get('t', '')} "
    )
    assert indexed.keys(ots.GeoBoundingBoxQuery("g", "2,0.5", "0,2.5")) == matching(
        indexed, lambda row: row.get("g") in ("1,1", "1,2")
    )
    assert indexed.keys(ots.NestedQuery("o", ots.TermQuery("o.x", 2))) == matching(
        indexed, lambda row: 2 in numbers_inside(row)
    )


@settings(max_examples=examples(100), deadline=None)
@given(steps)
def test_aggregations_count_what_the_rows_hold(changes: Any) -> None:
    indexed = run(changes)
    held = list(indexed.store.content.values())
    keywords = Counter(row["k"] for row in held if "k" in row)
    inside = [number for row in held for number in numbers_inside(row)]
    aggregations = [ots.Count("k"), ots.DistinctCount("k"), ots.DistinctCount("g"), ots.Sum("o.x")]

    response = indexed.search(ALL, aggs=aggregations, group_bys=[ots.GroupByField("k")])

    numbers, groups = decoded(response)
    assert numbers == [
        keywords.total(),
        len(keywords),
        len({row["g"] for row in held if "g" in row}),
        sum(inside),
    ]
    assert groups == sorted(keywords.items(), key=lambda group: (-group[1], group[0]))


def test_values_are_counted_rightly_after_the_dead_are_cleared_away() -> None:
    indexed = Indexed(*fields)
    for key in range(10, 20):
        indexed.put(key, k=f"gone {key}", g="3,3", o='[{"x": 9}]')
    indexed.put(2, k="x", g="1,1", o='[{"x": 1}, {"x": 2}]')
    indexed.put(1, k="y", g="1,2", o='[{"x": 0}]')
    indexed.put(3, k="y", g="1,2")
    for key in range(10, 20):
        indexed.delete(key)
    indexed.engine.tick()

    response = indexed.search(
        ALL, aggs=[ots.DistinctCount("g"), ots.Sum("o.x")], group_bys=[ots.GroupByField("k")]
    )

    assert indexed.engine._indexes["t"]["i"].documents.size < 10
    assert decoded(response) == ([2, 3], [("y", 2), ("x", 1)])
    assert indexed.keys(ots.NestedQuery("o", ots.TermQuery("o.x", 2))) == [2]
    assert indexed.keys(ots.GeoDistanceQuery("g", "1,2", 10)) == [1, 3]


def numbers_inside(row: dict[str, Any]) -> list[int]:
    return [inner["x"] for inner in json.loads(row.get("o", "[]")) if "x" in inner]


def decoded(response: Any) -> tuple[list[Any], list[tuple[str, int]]]:
    """The values of the aggregations, and the groups of the one group-by with their counts."""
    result, _ = OTSProtoBufferDecoder("utf8", enable_native=False).decode_response(
        "Search", response.SerializeToString(), "id"
    )
    items = result.group_by_results[0].items
    return [one.value for one in result.agg_results], [(i.key, i.row_count) for i in items]


@settings(max_examples=examples(100), deadline=None)
@given(steps)
def test_scores_are_bm25(changes: Any) -> None:
    indexed = run(changes)
    texts = {key: row["t"].split() for (key,), row in indexed.store.content.items() if "t" in row}

    response = indexed.search(ots.MatchQuery("t", "tea"), sort=BY_SCORE)

    found = dict(zip(keys_of(response), [hit.score for hit in response.search_hits], strict=True))
    assert found == pytest.approx(bm25(texts, "tea", total=len(indexed.store.content)))


def bm25(texts: dict[int, list[str]], word: str, total: int) -> dict[int, float]:
    holding = sum(word in words for words in texts.values())
    rare = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
    average = sum(map(len, texts.values())) / max(len(texts), 1)
    return {
        key: rare * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(words) / average))
        for key, words in texts.items()
        if (often := words.count(word))
    }


@settings(max_examples=examples(100), deadline=None)
@given(steps, st.integers(1, 5))
def test_nearest_neighbours_are_exact(changes: Any, top_k: int) -> None:
    indexed = run(changes)

    query = ots.KnnVectorQuery("v", top_k, [0.5, 1.0], filter=ots.ExistsQuery("k"))
    response = indexed.search(query, sort=BY_SCORE, limit=top_k)

    scores = sorted(
        (
            1 / (1 + (x - 0.5) ** 2 + (y - 1.0) ** 2)
            for row in indexed.store.content.values()
            if "v" in row and "k" in row
            for x, y in [json.loads(row["v"])]
        ),
        reverse=True,
    )
    assert [hit.score for hit in response.search_hits] == pytest.approx(scores[:top_k])


SORTS = {
    "key": lambda order: ots.Sort([ots.PrimaryKeySort(order)]),
    "number": lambda order: ots.Sort([ots.FieldSort("n", order)]),
    "keyword": lambda order: ots.Sort([ots.FieldSort("k", order)]),
    "score": lambda order: ots.Sort([ots.ScoreSort(order)]),
    "both": lambda order: ots.Sort([ots.FieldSort("n", order), ots.FieldSort("k", 1 - order)]),
}


@pytest.mark.parametrize("few", [0, 1000], ids=["by numpy", "by Python"])
@pytest.mark.parametrize("order", [ots.SortOrder.ASC, ots.SortOrder.DESC], ids=["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS.values(), ids=SORTS.keys())
@settings(max_examples=25, deadline=None)
@given(changes=steps, limit=st.integers(1, 5))
def test_pages_are_the_whole_in_order(
    sort: Any, order: Any, few: int, changes: Any, limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tablestore_memory.localcloud.tablestore.search.paging._FEW", few)
        indexed = run(changes)
        query = ots.BoolQuery(should_queries=[ALL, ots.MatchQuery("t", "tea")])

        paged, token = [], None
        while token or token is None:
            page = indexed.search(query, sort=sort(order), limit=limit, next_token=token)
            paged += keys_of(page)
            token = page.next_token

        assert paged == indexed.keys(query, sort=sort(order))
        assert len(paged) == len(indexed.store.content)


@pytest.mark.parametrize("many", [0, 2, 1000])
@settings(max_examples=25, deadline=None)
@given(changes=steps)
def test_keys_stay_in_order_while_rows_come_and_go(many: int, changes: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tablestore_memory.localcloud.tablestore.search.key_order._MANY", many)
        indexed = Indexed(*fields)
        for key, row in changes:
            indexed.delete(key) if row is None else indexed.put(key, **row)

            assert indexed.keys(ALL) == matching(indexed, lambda row: True)


CLAUSES = {
    "word": ots.MatchQuery("t", "tea"),
    "phrase": ots.MatchPhraseQuery("t", "green tea"),
    "keyword": ots.TermQuery("k", "x"),
    "number": ots.RangeQuery("n", -1, 3),
    "all": ALL,
}
clauses = st.lists(st.sampled_from(sorted(CLAUSES)), max_size=2)


@settings(max_examples=examples(100), deadline=None)
@given(steps, clauses, clauses, clauses, clauses)
def test_bool_query_is_the_sum_of_its_clauses(
    changes: Any, must: Any, some: Any, filters: Any, never: Any
) -> None:
    indexed = run(changes)
    alone = {name: scores(indexed, query) for name, query in CLAUSES.items()}
    query = ots.BoolQuery(
        must_queries=[CLAUSES[name] for name in must],
        should_queries=[CLAUSES[name] for name in some],
        filter_queries=[CLAUSES[name] for name in filters],
        must_not_queries=[CLAUSES[name] for name in never],
    )

    found = scores(indexed, query)

    expected = {
        key: sum(alone[name].get(key, 0) for name in [*must, *some])
        for (key,) in indexed.store.content
        if all(key in alone[name] for name in [*must, *filters])
        and not any(key in alone[name] for name in never)
        and (must or filters or not some or any(key in alone[name] for name in some))
    }
    plain = not (must or some or filters)
    assert found == pytest.approx({key: score + plain for key, score in expected.items()})


def scores(indexed: Indexed, query: Any) -> dict[int, float]:
    response = indexed.search(query, sort=BY_SCORE)
    found = [hit.score for hit in response.search_hits]
    return dict(zip(keys_of(response), found, strict=True))


def test_numbers_sort_as_numbers_and_the_missing_last() -> None:
    indexed = Indexed(*fields, rows={(1,): {"n": 2}, (2,): {"n": -10}, (3,): {}, (4,): {"n": 1}})

    ascending = indexed.keys(ALL, sort=SORTS["number"](ots.SortOrder.ASC))
    descending = indexed.keys(ALL, sort=SORTS["number"](ots.SortOrder.DESC))

    assert (ascending, descending) == ([2, 4, 1, 3], [1, 4, 2, 3])


def test_rewriting_a_row_does_not_grow_the_index() -> None:
    indexed = Indexed(*fields)
    for n in range(100):
        indexed.put(n % 2, k="x", n=n, t="green tea", v="[1, 0]")
        indexed.engine.tick()

    inside = indexed.engine._indexes["t"]["i"].documents
    assert inside.size < 10
    assert indexed.keys(ots.TermQuery("n", 99)) == [1]
