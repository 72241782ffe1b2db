"""BatchWriteRow: many rows, each with its own outcome."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import (
    IGNORE,
    batch,
    every_key,
    get_columns,
    put,
    refused,
)

EXIST = ots.Condition(ots.RowExistenceExpectation.EXPECT_EXIST)
NOT_EXIST = ots.Condition(ots.RowExistenceExpectation.EXPECT_NOT_EXIST)


def put_item(name: str, columns: list[Any], condition: Any = IGNORE) -> Any:
    return ots.PutRowItem(ots.Row([("pk", name)], columns), condition)


def update_item(name: str, changes: dict[str, Any], condition: Any = IGNORE) -> Any:
    return ots.UpdateRowItem(ots.Row([("pk", name)], changes), condition)


def delete_item(name: str, condition: Any = IGNORE) -> Any:
    return ots.DeleteRowItem(ots.Row([("pk", name)]), condition)


def test_puts_updates_and_deletes_together(client: Any, table: str) -> None:
    put(client, table, [("pk", "b")], [("x", 1), ("y", 1)])
    put(client, table, [("pk", "c")], [("x", 1)])

    answer = client.batch_write_row(
        batch(
            table,
            put_item("a", [("x", 5)]),
            update_item("b", {"PUT": [("x", 6)], "DELETE_ALL": ["y"]}),
            delete_item("c"),
        )
    )

    assert answer.is_all_succeed()
    assert get_columns(client, table, [("pk", "a")]) == {"x": 5}
    assert get_columns(client, table, [("pk", "b")]) == {"x": 6}
    assert get_columns(client, table, [("pk", "c")]) is None


def test_200_rows_are_written(client: Any, table: str) -> None:
    items = [put_item(f"{n:03}", [("n", n)]) for n in range(200)]

    answer = client.batch_write_row(batch(table, *items))

    assert answer.is_all_succeed()
    assert every_key(client, table, ["pk"]) == [[f"{n:03}"] for n in range(200)]


def test_201_rows_are_refused_and_none_written(client: Any, table: str) -> None:
    items = [put_item(f"{n}", []) for n in range(201)]

    with refused("OTSParameterInvalid", 400, "Rows count exceeds the upper limit: 200."):
        client.batch_write_row(batch(table, *items))

    assert every_key(client, table, ["pk"]) == []


def test_row_fails_by_itself(client: Any, table: str) -> None:
    answer = client.batch_write_row(
        batch(table, put_item("a", []), put_item("b", [], EXIST), put_item("c", []))
    )

    assert not answer.is_all_succeed()
    succeeded, failed = answer.get_put()
    assert len(succeeded) == 2
    assert [(row.error_code, row.error_message) for row in failed] == [
        ("OTSConditionCheckFail", "Condition check failed.")
    ]
    assert every_key(client, table, ["pk"]) == [["a"], ["c"]]


def test_outcomes_come_in_the_order_of_the_rows(client: Any, table: str) -> None:
    conditions = [IGNORE, EXIST, IGNORE, EXIST, EXIST]
    items = [put_item(f"{n}", [], condition) for n, condition in enumerate(conditions)]

    answer = client.batch_write_row(batch(table, *items))

    outcomes = [row.is_ok for row in answer.table_of_put[table]]
    assert outcomes == [True, False, True, False, False]


def test_several_tables_in_one_request(client: Any, make_table: Callable[..., str]) -> None:
    first, second = make_table(), make_table()
    request = batch(first, put_item("a", [("x", 1)]))
    request.add(ots.TableInBatchWriteRowItem(second, [put_item("a", [("x", 2)])]))

    answer = client.batch_write_row(request)

    assert answer.is_all_succeed()
    assert get_columns(client, first, [("pk", "a")]) == {"x": 1}
    assert get_columns(client, second, [("pk", "a")]) == {"x": 2}


def test_row_of_a_missing_table_fails_by_itself(client: Any, table: str) -> None:
    request = batch(table, put_item("a", []))
    request.add(ots.TableInBatchWriteRowItem(f"{table}_no", [put_item("a", [])]))

    succeeded, failed = client.batch_write_row(request).get_put()

    assert len(succeeded) == 1
    assert [row.error_code for row in failed] == ["OTSObjectNotExist"]


def test_row_whose_key_does_not_fit_fails_by_itself(client: Any, table: str) -> None:
    wrong = ots.PutRowItem(ots.Row([("other", "a")], []), IGNORE)

    _, failed = client.batch_write_row(batch(table, put_item("a", []), wrong)).get_put()

    assert [row.error_code for row in failed] == ["OTSInvalidPK"]
    assert failed[0].error_message == "Validate PK name fail. Input: other, Meta: pk."


def test_same_row_twice_is_written_in_order(client: Any, table: str) -> None:
    answer = client.batch_write_row(
        batch(
            table,
            put_item("a", [("x", 1)]),
            update_item("a", {"PUT": [("y", 2)]}),
            put_item("b", [("x", 1)]),
            delete_item("b"),
        )
    )

    assert answer.is_all_succeed()
    assert get_columns(client, table, [("pk", "a")]) == {"x": 1, "y": 2}
    assert get_columns(client, table, [("pk", "b")]) is None


def test_each_of_two_writes_of_a_row_answers_for_itself(client: Any, table: str) -> None:
    items = [put_item("a", [("x", n)], NOT_EXIST) for n in range(2)]

    answer = client.batch_write_row(batch(table, *items))

    assert [row.is_ok for row in answer.table_of_put[table]] == [True, False]
    assert answer.table_of_put[table][1].error_code == "OTSConditionCheckFail"
    assert get_columns(client, table, [("pk", "a")]) == {"x": 0}


def test_update_that_only_deletes_makes_no_row(client: Any, table: str) -> None:
    gone = update_item("a", {"DELETE_ALL": ["x"]})

    answer = client.batch_write_row(batch(table, gone))

    assert answer.is_all_succeed()
    assert get_columns(client, table, [("pk", "a")]) is None


def test_no_rows_are_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "No row is specified in BatchWriteRow."):
        client.batch_write_row(ots.BatchWriteRowRequest())
    with refused("OTSParameterInvalid", 400, f"No operation is specified for table: '{table}'."):
        client.batch_write_row(batch(table))


def test_more_than_4_mb_are_refused(client: Any, table: str) -> None:
    items = [put_item(f"{n}", [("x", "v" * 1_400_000)]) for n in range(3)]

    with refused("OTSParameterInvalid", 400, "The total data size of BatchWriteRow request"):
        client.batch_write_row(batch(table, *items))

    assert every_key(client, table, ["pk"]) == []


def test_bad_column_name_fails_the_request(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "Invalid column name: '#'."):
        client.batch_write_row(batch(table, put_item("a", []), put_item("b", [("#", 1)])))

    assert every_key(client, table, ["pk"]) == []


@pytest.mark.parametrize("count", [1, 7])
def test_each_row_costs_a_unit(client: Any, table: str, count: int) -> None:
    items = [put_item(f"{n}", [("x", 1)]) for n in range(count)]

    succeeded, _ = client.batch_write_row(batch(table, *items)).get_put()

    assert [(row.consumed.read, row.consumed.write) for row in succeeded] == [(0, 1)] * count
