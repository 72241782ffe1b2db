"""Conditions of writes: existence of the row, values of its columns."""

from typing import Any

import pytest
import tablestore as ots
from tablestore import ComparatorType as Is

from tests.conformance.tablestore import get_columns, put, refused, update

KEY = [("pk", "a")]
EXIST = ots.RowExistenceExpectation.EXPECT_EXIST
NOT_EXIST = ots.RowExistenceExpectation.EXPECT_NOT_EXIST
ANY = ots.RowExistenceExpectation.IGNORE
FAILS = ("OTSConditionCheckFail", 403, "Condition check failed.")


def when(*args: Any, **options: Any) -> Any:
    return ots.Condition(ANY, ots.SingleColumnCondition(*args, **options))


def both(operator: Any, *conditions: Any) -> Any:
    composite = ots.CompositeColumnCondition(operator)
    for condition in conditions:
        composite.add_sub_condition(condition)
    return composite


def test_put_expecting_no_row_makes_one_once(client: Any, table: str) -> None:
    row = ots.Row(KEY, [("x", 1)])
    client.put_row(table, row, ots.Condition(NOT_EXIST))

    with refused(*FAILS):
        client.put_row(table, ots.Row(KEY, [("x", 2)]), ots.Condition(NOT_EXIST))

    assert get_columns(client, table, KEY) == {"x": 1}


def test_write_expecting_a_row_needs_one(client: Any, table: str) -> None:
    with refused(*FAILS):
        client.put_row(table, ots.Row(KEY, [("x", 1)]), ots.Condition(EXIST))
    with refused(*FAILS):
        update(client, table, KEY, {"PUT": [("x", 1)]}, ots.Condition(EXIST))
    with refused(*FAILS):
        client.delete_row(table, ots.Row(KEY), ots.Condition(EXIST))

    assert get_columns(client, table, KEY) is None


def test_write_expecting_a_row_finds_it(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])

    update(client, table, KEY, {"PUT": [("x", 2)]}, ots.Condition(EXIST))
    assert get_columns(client, table, KEY) == {"x": 2}
    client.delete_row(table, ots.Row(KEY), ots.Condition(EXIST))

    assert get_columns(client, table, KEY) is None


def test_put_with_a_condition_replaces_the_whole_row(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", 2)])

    client.put_row(table, ots.Row(KEY, [("x", 3)]), ots.Condition(EXIST))

    assert get_columns(client, table, KEY) == {"x": 3}


@pytest.mark.parametrize(
    ("comparator", "value", "holds"),
    [
        (Is.EQUAL, 5, True),
        (Is.EQUAL, 6, False),
        (Is.NOT_EQUAL, 6, True),
        (Is.NOT_EQUAL, 5, False),
        (Is.GREATER_THAN, 4, True),
        (Is.GREATER_THAN, 5, False),
        (Is.GREATER_EQUAL, 5, True),
        (Is.GREATER_EQUAL, 6, False),
        (Is.LESS_THAN, 6, True),
        (Is.LESS_THAN, 5, False),
        (Is.LESS_EQUAL, 5, True),
        (Is.LESS_EQUAL, 4, False),
    ],
)
def test_column_condition_decides(
    client: Any, table: str, comparator: Any, value: int, holds: bool
) -> None:
    put(client, table, KEY, [("x", 5)])
    condition = when("x", value, comparator)

    if holds:
        update(client, table, KEY, {"PUT": [("seen", True)]}, condition)
    else:
        with refused(*FAILS):
            update(client, table, KEY, {"PUT": [("seen", True)]}, condition)

    assert ("seen" in (get_columns(client, table, KEY) or {})) == holds


@pytest.mark.parametrize("passes", [True, False])
def test_missing_column_passes_only_if_told_to(client: Any, table: str, passes: bool) -> None:
    put(client, table, KEY, [("x", 1)])
    condition = when("no", "v", Is.EQUAL, pass_if_missing=passes)

    if passes:
        update(client, table, KEY, {"PUT": [("x", 2)]}, condition)
    else:
        with refused(*FAILS):
            update(client, table, KEY, {"PUT": [("x", 2)]}, condition)

    assert get_columns(client, table, KEY) == {"x": 2 if passes else 1}


def test_missing_row_has_no_columns(client: Any, table: str) -> None:
    with refused(*FAILS):
        update(
            client,
            table,
            KEY,
            {"PUT": [("x", 1)]},
            when("x", 1, Is.EQUAL, pass_if_missing=False),
        )
    update(client, table, KEY, {"PUT": [("x", 1)]}, when("x", 1, Is.EQUAL))

    assert get_columns(client, table, KEY) == {"x": 1}


def test_values_of_other_types_are_not_equal(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", "5")])

    with refused(*FAILS):
        update(client, table, KEY, {"PUT": [("y", 1)]}, when("x", 5, Is.EQUAL))


def test_and_needs_all(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", "a")])
    x_is_1 = ots.SingleColumnCondition("x", 1, Is.EQUAL)
    y_is_b = ots.SingleColumnCondition("y", "b", Is.EQUAL)
    condition = ots.Condition(ANY, both(ots.LogicalOperator.AND, x_is_1, y_is_b))

    with refused(*FAILS):
        update(client, table, KEY, {"PUT": [("z", 1)]}, condition)


def test_or_needs_one(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", "a")])
    x_is_1 = ots.SingleColumnCondition("x", 1, Is.EQUAL)
    y_is_b = ots.SingleColumnCondition("y", "b", Is.EQUAL)

    update(
        client,
        table,
        KEY,
        {"PUT": [("z", 1)]},
        ots.Condition(ANY, both(ots.LogicalOperator.OR, x_is_1, y_is_b)),
    )

    assert (get_columns(client, table, KEY) or {})["z"] == 1


def test_not_turns_around(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])
    x_is_1 = ots.SingleColumnCondition("x", 1, Is.EQUAL)

    with refused(*FAILS):
        update(
            client,
            table,
            KEY,
            {"PUT": [("x", 2)]},
            ots.Condition(ANY, both(ots.LogicalOperator.NOT, x_is_1)),
        )


def test_not_of_two_is_refused(client: Any, table: str) -> None:
    x_is_1 = ots.SingleColumnCondition("x", 1, Is.EQUAL)
    condition = ots.Condition(ANY, both(ots.LogicalOperator.NOT, x_is_1, x_is_1))

    with refused("OTSParameterInvalid", 400, "Invalid NOT operator"):
        update(client, table, KEY, {"PUT": [("x", 2)]}, condition)


def test_compare_and_set_lets_one_of_two_win(client: Any, table: str) -> None:
    put(client, table, KEY, [("watermark", 10)])
    was_10 = when("watermark", 10, Is.EQUAL, pass_if_missing=False)

    update(client, table, KEY, {"PUT": [("watermark", 20)]}, was_10)
    with refused(*FAILS):
        update(client, table, KEY, {"PUT": [("watermark", 15)]}, was_10)

    assert get_columns(client, table, KEY) == {"watermark": 20}


def test_condition_on_delete(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])

    with refused(*FAILS):
        client.delete_row(table, ots.Row(KEY), when("x", 2, Is.EQUAL))
    client.delete_row(table, ots.Row(KEY), when("x", 1, Is.EQUAL))

    assert get_columns(client, table, KEY) is None
