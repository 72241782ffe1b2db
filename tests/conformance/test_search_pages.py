"""The order of hits, and how they come in pages."""

import math
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import (
    BY_SCORE,
    EVERYTHING,
    FROM_INDEX,
    Searched,
    by_field,
    by_key,
    keyword,
    long,
    returned,
    text,
)
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
ASC, DESC = ots.SortOrder.ASC, ots.SortOrder.DESC


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    searched = Searched(
        client,
        table,
        keyword("pk"),
        keyword("k"),
        long("n"),
        ots.FieldSchema("d", ots.FieldType.DOUBLE),
        long("many", is_array=True, enable_sort_and_agg=True),
        text("t"),
    )
    return searched.put_all(
        {
            "a": {"k": "z", "n": 2, "d": 0.5, "many": "[9, 1]", "t": "tea"},
            "b": {"k": "y", "n": 1, "d": -0.5, "many": "[4]", "t": "tea tea x"},
            "c": {"k": "y", "n": 2, "d": 1.5, "many": "[5, 6, 7]", "t": "x"},
            "d": {"t": "coffee x"},
        }
    )


def test_rows_come_in_key_order_unless_told(rows: Searched) -> None:
    assert rows.keys(ALL) == ["a", "b", "c", "d"]
    assert rows.keys(ots.MatchQuery("t", "tea x")) == ["a", "b", "c", "d"]


def test_rows_come_in_the_indexs_own_order_if_it_has_one(client: Any, table: str) -> None:
    searched = Searched(client, table, long("n"), index_sort=by_field("n", DESC))

    searched.put_all({"a": {"n": 1}, "b": {"n": 3}, "c": {"n": 2}})

    assert searched.keys(ALL) == ["b", "c", "a"]


def test_keys_sort_both_ways(rows: Searched) -> None:
    assert rows.keys(ALL, sort=by_key(ASC)) == ["a", "b", "c", "d"]
    assert rows.keys(ALL, sort=by_key(DESC)) == ["d", "c", "b", "a"]


def test_integer_keys_sort_as_numbers(client: Any, make_table: Any) -> None:
    searched = Searched(client, make_table([("pk", "INTEGER")]), long("pk"))

    searched.put_all({-5: {}, 10: {}, 9: {}})

    assert searched.keys(ALL) == [-5, 9, 10]
    assert searched.keys(ALL, sort=by_key(DESC)) == [10, 9, -5]


def test_numbers_sort_both_ways_and_missing_ones_come_last(rows: Searched) -> None:
    assert rows.keys(ALL, sort=by_field("d", ASC)) == ["b", "a", "c", "d"]
    assert rows.keys(ALL, sort=by_field("d", DESC)) == ["c", "a", "b", "d"]


def test_keywords_sort_both_ways_and_missing_ones_come_last(rows: Searched) -> None:
    assert rows.keys(ALL, sort=by_field("k", ASC)) == ["b", "c", "a", "d"]
    assert rows.keys(ALL, sort=by_field("k", DESC)) == ["a", "b", "c", "d"]


def test_equal_rows_are_ordered_by_the_next_sorter(rows: Searched) -> None:
    sort = ots.Sort([ots.FieldSort("n", DESC), ots.FieldSort("k", ASC)])

    assert rows.keys(ALL, sort=sort) == ["c", "a", "b", "d"]


def test_arrays_sort_by_the_element_told(rows: Searched) -> None:
    mode = ots.SortMode
    exists = ots.ExistsQuery("many")

    assert rows.keys(exists, sort=by_field("many", ASC, mode.MIN)) == ["a", "b", "c"]
    assert rows.keys(exists, sort=by_field("many", DESC, mode.MAX)) == ["a", "c", "b"]
    assert rows.keys(exists, sort=by_field("many", DESC, mode.AVG)) == ["c", "a", "b"]


def test_scores_sort_both_ways(rows: Searched) -> None:
    tea = ots.MatchQuery("t", "tea")

    best_first = rows.keys(tea, sort=BY_SCORE)

    assert sorted(best_first) == ["a", "b"]
    assert rows.keys(tea, sort=ots.Sort([ots.ScoreSort(ASC)])) == best_first[::-1]


def test_hits_have_a_score_only_when_sorted_by_it(rows: Searched) -> None:
    tea = ots.MatchQuery("t", "tea")

    assert all(math.isnan(hit.score) for hit in rows.search(tea).search_hits)
    assert all(hit.score > 0 for hit in rows.search(tea, sort=BY_SCORE).search_hits)


def test_text_and_unsortable_fields_are_no_order(client: Any, table: str) -> None:
    searched = Searched(client, table, text("t"), keyword("k", enable_sort_and_agg=False))
    for name in ("t", "k", "nowhere"):
        with refused("OTSParameterInvalid", 400):
            searched.search(ALL, sort=by_field(name))


def test_total_is_counted_when_asked_for(rows: Searched) -> None:
    assert rows.search(ots.MatchQuery("t", "x"), limit=1).total_count == 3
    assert rows.search(ALL, get_total_count=False).total_count == -1


def test_limit_zero_only_counts(rows: Searched) -> None:
    found = rows.search(ALL, limit=0)

    assert (len(found.rows), found.total_count, bytes(found.next_token)) == (0, 4, b"")


def test_ten_rows_come_unless_told(client: Any, table: str) -> None:
    searched = Searched(client, table, long("n"))

    searched.put_all({f"{n:02}": {"n": n} for n in range(12)})

    assert len(searched.keys(ALL)) == 10


def test_offset_skips_rows(rows: Searched) -> None:
    assert rows.keys(ALL, offset=1, limit=2) == ["b", "c"]
    assert rows.keys(ALL, offset=9) == []


def test_token_is_there_only_while_rows_are_left(rows: Searched) -> None:
    assert bytes(rows.search(ALL, limit=3).next_token)
    assert not bytes(rows.search(ALL, limit=4).next_token)


@pytest.mark.parametrize(
    "sort",
    [None, by_key(DESC), by_field("n", DESC), by_field("k"), by_field("d", DESC), BY_SCORE],
    ids=["default", "key", "number", "keyword", "double", "score"],
)
def test_pages_together_are_the_whole_in_order(rows: Searched, sort: Any) -> None:
    query = ots.BoolQuery(should_queries=[ALL, ots.MatchQuery("t", "tea")])

    pages = rows.pages(query, limit=1, sort=sort)

    assert [key for page in pages for key in page] == rows.keys(query, sort=sort)
    assert [len(page) for page in pages] == [1, 1, 1, 1]


def test_token_carries_the_sort(rows: Searched) -> None:
    first = rows.search(ALL, limit=2, sort=by_field("d", DESC))

    assert rows.keys(ALL, limit=2, next_token=first.next_token) == ["b", "d"]


def test_many_equal_rows_page_without_gaps(client: Any, table: str) -> None:
    searched = Searched(client, table, long("n")).put_all(
        {f"{n:02}": {"n": n % 2} for n in range(25)}
    )

    pages = searched.pages(ALL, limit=4, sort=by_field("n", DESC))

    keys = [key for page in pages for key in page]
    odd = [f"{n:02}" for n in range(1, 25, 2)]
    assert keys == odd + [f"{n:02}" for n in range(0, 25, 2)]


def test_rows_deleted_between_pages_shift_nothing(rows: Searched) -> None:
    first = rows.search(ALL, limit=2)
    rows.delete("a")
    rows.delete("b")
    rows.settle()

    assert rows.keys(ALL, limit=2, next_token=first.next_token) == ["c", "d"]


def test_token_that_was_tampered_with_is_refused(rows: Searched) -> None:
    token = bytearray(rows.search(ALL, limit=2).next_token)
    token[-1] ^= 1
    for bad in (bytes(token), b"nonsense", b"x"):
        with refused("OTSParameterInvalid", 400, "token"):
            rows.search(ALL, next_token=bad)


def test_offset_beside_a_token_is_refused(rows: Searched) -> None:
    token = rows.search(ALL, limit=2).next_token
    with refused("OTSParameterInvalid", 400):
        rows.search(ALL, next_token=token, offset=1)


@pytest.mark.parametrize(
    ("limit", "columns"),
    [
        (101, EVERYTHING),
        (101, returned("elsewhere")),
        (101, returned("n", "elsewhere")),
        (1001, returned("n")),
        (1001, FROM_INDEX),
        (-1, returned("n")),
    ],
)
def test_limit_out_of_bounds_is_refused(rows: Searched, limit: int, columns: Any) -> None:
    with refused("OTSParameterInvalid", 400, "limit"):
        rows.search(ALL, limit=limit, columns=columns)


def test_limit_may_be_larger_when_the_index_has_it_all(rows: Searched) -> None:
    assert len(rows.rows(ALL, returned("n", "pk"), limit=1000)) == 4
    assert len(rows.rows(ALL, FROM_INDEX, limit=1000)) == 4
    assert len(rows.rows(ALL, EVERYTHING, limit=100)) == 4


def test_window_out_of_bounds_is_refused(rows: Searched) -> None:
    with refused("OTSParameterInvalid", 400, "offset"):
        rows.search(ALL, offset=99_991, limit=10)
    with refused("OTSParameterInvalid", 400, "offset"):
        rows.search(ALL, offset=-1)
