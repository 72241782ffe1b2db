"""Filters of reads."""

from typing import Any

import pytest
import tablestore as ots
from tablestore import ComparatorType as Is

from tests.conformance.tablestore import get, get_columns, get_range, put, refused

KEY = [("pk", "a")]


def single(*args: Any, **options: Any) -> Any:
    return ots.SingleColumnCondition(*args, **options)


@pytest.fixture
def five_rows(client: Any, table: str) -> str:
    for n in range(5):
        put(client, table, [("pk", f"{n}")], [("n", n), ("word", "even" if n % 2 == 0 else "odd")])
    return table


def keys_that_pass(client: Any, table: str, condition: Any, **options: Any) -> list[str]:
    start, end = [("pk", ots.INF_MIN)], [("pk", ots.INF_MAX)]
    rows, _ = get_range(client, table, start, end, column_filter=condition, **options)
    return [row.primary_key[0][1] for row in rows]


def test_filter_hides_a_row(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])

    assert get(client, table, KEY, column_filter=single("x", 2, Is.EQUAL)) is None
    assert get_columns(client, table, KEY, column_filter=single("x", 1, Is.EQUAL)) == {"x": 1}


def test_filter_of_a_range_shows_what_passes(client: Any, five_rows: str) -> None:
    shown = keys_that_pass(client, five_rows, single("n", 2, Is.GREATER_THAN))

    assert shown == ["3", "4"]


def test_composite_filter(client: Any, five_rows: str) -> None:
    either = ots.CompositeColumnCondition(ots.LogicalOperator.OR)
    either.add_sub_condition(single("n", 0, Is.EQUAL))
    either.add_sub_condition(single("word", "odd", Is.EQUAL))

    assert keys_that_pass(client, five_rows, either) == ["0", "1", "3"]


def test_filter_of_a_missing_column_passes_if_told_to(client: Any, five_rows: str) -> None:
    strict = single("no", 1, Is.EQUAL, pass_if_missing=False)
    lenient = single("no", 1, Is.EQUAL, pass_if_missing=True)

    assert keys_that_pass(client, five_rows, strict) == []
    assert len(keys_that_pass(client, five_rows, lenient)) == 5


def test_filter_sees_only_columns_that_are_read(client: Any, five_rows: str) -> None:
    n_is_3 = single("n", 3, Is.EQUAL, pass_if_missing=False)

    assert keys_that_pass(client, five_rows, n_is_3, columns_to_get=["n"]) == ["3"]
    assert keys_that_pass(client, five_rows, n_is_3, columns_to_get=["word"]) == []


def test_limit_counts_rows_that_pass(client: Any, five_rows: str) -> None:
    odd = single("word", "odd", Is.EQUAL)

    assert keys_that_pass(client, five_rows, odd, limit=2) == ["1", "3"]


def test_strings_compare_by_their_bytes(client: Any, five_rows: str) -> None:
    assert keys_that_pass(client, five_rows, single("word", "ev", Is.GREATER_THAN)) == list("01234")
    assert keys_that_pass(client, five_rows, single("word", "f", Is.LESS_THAN)) == ["0", "2", "4"]


def test_latest_version_only_looks_at_no_older_one(client: Any, make_table: Any) -> None:
    import time

    table = make_table(options=ots.TableOptions(-1, 2))
    now = int(time.time() * 1000)
    put(client, table, KEY, [("x", 1, now - 10), ("x", 2, now)])
    latest = single("x", 1, Is.EQUAL, latest_version_only=True)
    either = single("x", 1, Is.EQUAL, latest_version_only=False)

    assert get(client, table, KEY, max_version=2, column_filter=latest) is None
    assert get(client, table, KEY, max_version=2, column_filter=either) is not None


def test_regex_filter_casts_what_it_picks(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", "t1:9,t2:20")])
    rule = ots.RegexRule("t2:([0-9]+)", ots.CastType.VT_INTEGER)

    above = ots.SingleColumnRegexCondition("x", Is.GREATER_THAN, 10, rule)
    below = ots.SingleColumnRegexCondition("x", Is.LESS_THAN, 10, rule)

    assert get(client, table, KEY, column_filter=above) is not None
    assert get(client, table, KEY, column_filter=below) is None


def test_eleven_conditions_are_refused(client: Any, five_rows: str) -> None:
    many = ots.CompositeColumnCondition(ots.LogicalOperator.OR)
    for n in range(11):
        many.add_sub_condition(single("n", n, Is.EQUAL))

    with refused("OTSParameterInvalid", 400, "The count of filter exceeds the max:10."):
        keys_that_pass(client, five_rows, many)
