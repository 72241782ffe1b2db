"""GetRange: both directions, bounds, pages."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots
from tablestore import INF_MAX, INF_MIN, Direction

from tests.conformance.tablestore import (
    IGNORE,
    batch,
    columns,
    every_key,
    get_range,
    put,
    refused,
)

ALL = [("a", INF_MIN), ("b", INF_MIN)], [("a", INF_MAX), ("b", INF_MAX)]


@pytest.fixture
def grid(client: Any, make_table: Callable[..., str]) -> str:
    """Rows (a, b) for a in x, y, z and b in -1 … 3."""
    table = make_table([("a", "STRING"), ("b", "INTEGER")])
    items = [
        ots.PutRowItem(ots.Row([("a", a), ("b", b)], [("at", f"{a}{b}")]), IGNORE)
        for a in "zxy"
        for b in (3, -1, 2, 0, 1)
    ]
    assert client.batch_write_row(batch(table, *items)).is_all_succeed()
    return table


def keys(rows: Any) -> list[tuple[Any, ...]]:
    return [tuple(value for _, value in row.primary_key) for row in rows]


def test_forward_is_in_key_order(client: Any, grid: str) -> None:
    rows, following = get_range(client, grid, *ALL)

    assert keys(rows) == [(a, b) for a in "xyz" for b in range(-1, 4)]
    assert following is None


def test_backward_is_the_other_way_round(client: Any, grid: str) -> None:
    start, end = ALL

    rows, _ = get_range(client, grid, end, start, direction=Direction.BACKWARD)

    assert keys(rows) == [(a, b) for a in "zyx" for b in range(3, -2, -1)]


def test_start_is_inclusive_and_end_exclusive(client: Any, grid: str) -> None:
    start, end = [("a", "x"), ("b", 2)], [("a", "y"), ("b", 0)]

    forward, _ = get_range(client, grid, start, end)
    backward, _ = get_range(client, grid, end, start, direction=Direction.BACKWARD)

    assert keys(forward) == [("x", 2), ("x", 3), ("y", -1)]
    assert keys(backward) == [("y", 0), ("y", -1), ("x", 3)]


def test_infinite_bounds_take_all_of_a_prefix(client: Any, grid: str) -> None:
    rows, _ = get_range(client, grid, [("a", "y"), ("b", INF_MIN)], [("a", "y"), ("b", INF_MAX)])

    assert keys(rows) == [("y", b) for b in range(-1, 4)]


@pytest.mark.parametrize("direction", [Direction.FORWARD, Direction.BACKWARD])
@pytest.mark.parametrize("limit", [1, 4, 15, 16])
def test_pages_give_every_row_once(client: Any, grid: str, direction: str, limit: int) -> None:
    start, end = ALL if direction == Direction.FORWARD else ALL[::-1]
    seen: list[tuple[Any, ...]] = []

    while start:
        rows, start = get_range(client, grid, start, end, direction=direction, limit=limit)
        assert len(rows) <= limit
        seen += keys(rows)

    assert sorted(seen) == [(a, b) for a in "xyz" for b in range(-1, 4)]
    assert len(seen) == 15


@pytest.mark.parametrize(
    ("direction", "third"), [(Direction.FORWARD, ("x", 1)), (Direction.BACKWARD, ("z", 1))]
)
def test_rows_that_a_filter_hides_do_not_count_towards_the_limit(
    client: Any, grid: str, direction: str, third: tuple[str, int]
) -> None:
    is_third = ots.SingleColumnCondition("at", "{}{}".format(*third), ots.ComparatorType.EQUAL)
    bounds = ALL if direction == Direction.FORWARD else ALL[::-1]

    rows, following = get_range(
        client, grid, *bounds, direction=direction, column_filter=is_third, limit=2
    )

    assert keys(rows) == [third]
    assert following is None


def test_next_start_is_the_first_row_not_shown(client: Any, grid: str) -> None:
    rows, following = get_range(client, grid, *ALL, limit=2)

    assert keys(rows) == [("x", -1), ("x", 0)]
    assert following == [("a", "x"), ("b", 1)]


def test_columns_asked_for(client: Any, grid: str) -> None:
    put(client, grid, [("a", "x"), ("b", 0)], [("other", 1)])

    rows, _ = get_range(client, grid, *ALL, columns_to_get=["other"])

    assert [columns(row) for row in rows] == [{"other": 1}]


def test_empty_range_has_no_rows(client: Any, grid: str) -> None:
    rows, following = get_range(client, grid, [("a", "xx"), ("b", 0)], [("a", "xz"), ("b", 0)])

    assert (rows, following) == ([], None)


def test_bounds_in_the_wrong_order_are_refused(client: Any, grid: str) -> None:
    low, high = [("a", "x"), ("b", 0)], [("a", "y"), ("b", 0)]

    with refused("OTSParameterInvalid", 400, "Begin key must less than end key in FORWARD"):
        get_range(client, grid, high, low)
    with refused("OTSParameterInvalid", 400, "Begin key must less than end key in FORWARD"):
        get_range(client, grid, low, low)
    with refused("OTSParameterInvalid", 400, "Begin key must more than end key in BACKWARD"):
        get_range(client, grid, low, high, direction=Direction.BACKWARD)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(client: Any, grid: str, limit: int) -> None:
    with refused("OTSParameterInvalid", 400, "The limit must be greater than 0."):
        get_range(client, grid, *ALL, limit=limit)


def test_bound_that_does_not_fit_is_refused(client: Any, grid: str) -> None:
    with refused("OTSInvalidPK", 400, "Validate PK size fail. Input: 1, Meta: 2."):
        get_range(client, grid, [("a", INF_MIN)], [("a", INF_MAX)])
    with refused("OTSInvalidPK", 400, "Validate PK type fail"):
        get_range(client, grid, [("a", 1), ("b", 1)], [("a", 2), ("b", 2)])


def test_page_ends_at_4_mb(client: Any, table: str) -> None:
    for n in range(3):
        put(client, table, [("pk", f"{n}")], [("x", "v" * 1_900_000)])

    rows, following = get_range(client, table, [("pk", INF_MIN)], [("pk", INF_MAX)])

    assert [row.primary_key[0][1] for row in rows] == ["0", "1"]
    assert following == [("pk", "2")]


STRINGS = [
    "",
    "\x00",
    "\x00\x00",
    "\x00a",
    "\x01",
    "A",
    "Z",
    "a",
    "a\x00",
    "a\x00b",
    "aa",
    "b",
    "é",
]


def test_strings_sort_by_their_bytes(client: Any, table: str) -> None:
    words = [*STRINGS, "中文", "\uffff", "🙂"]
    for word in reversed(words):
        put(client, table, [("pk", word)])

    assert [key[0] for key in every_key(client, table, ["pk"])] == sorted(
        words, key=lambda word: word.encode()
    )


def test_integers_sort_by_value(client: Any, make_table: Callable[..., str]) -> None:
    table = make_table([("n", "INTEGER")])
    numbers = [-(2**63), -256, -1, 0, 1, 255, 256, 2**63 - 1]
    for number in reversed(numbers):
        put(client, table, [("n", number)])

    assert [key[0] for key in every_key(client, table, ["n"])] == numbers


def test_prefix_cannot_reach_into_the_next_column(
    client: Any, make_table: Callable[..., str]
) -> None:
    table = make_table([("a", "BINARY"), ("b", "BINARY")])
    pairs = [(b"", b"\xff"), (b"\x00", b""), (b"\x00", b"\x01"), (b"\x00\xff", b""), (b"\x01", b"")]
    for a, b in reversed(pairs):
        put(client, table, [("a", bytearray(a)), ("b", bytearray(b))])

    assert every_key(client, table, ["a", "b"]) == [[bytearray(a), bytearray(b)] for a, b in pairs]
