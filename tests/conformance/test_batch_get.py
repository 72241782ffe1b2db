"""BatchGetRow: many keys, each with its own outcome."""

from collections.abc import Callable
from typing import Any

import tablestore as ots

from tests.conformance.tablestore import columns, put, refused


def get_many(
    client: Any, table: str, names: list[str], columns_to_get: Any = (), **options: Any
) -> Any:
    keys = [[("pk", name)] for name in names]
    request = ots.BatchGetRowRequest()
    options = {"column_filter": None, "max_version": 1} | options
    request.add(ots.TableInBatchGetRowItem(table, keys, list(columns_to_get), **options))
    return client.batch_get_row(request)


def test_rows_come_in_the_order_of_their_keys(client: Any, table: str) -> None:
    for name in "abc":
        put(client, table, [("pk", name)], [("x", name)])

    found = get_many(client, table, ["c", "a", "b"]).get_result_by_table(table)

    assert [item.row.primary_key[0][1] for item in found] == ["c", "a", "b"]


def test_missing_row_is_an_empty_success(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])

    found = get_many(client, table, ["a", "nobody"]).get_result_by_table(table)

    assert [item.is_ok for item in found] == [True, True]
    assert columns(found[0].row) == {"x": 1}
    assert found[1].row is None


def test_columns_and_filter_apply_to_every_row(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1), ("y", 1)])
    put(client, table, [("pk", "b")], [("x", 2), ("y", 2)])
    x_is_2 = ots.SingleColumnCondition("x", 2, ots.ComparatorType.EQUAL)

    answer = get_many(client, table, ["a", "b"], ["x"], column_filter=x_is_2)
    found = answer.get_result_by_table(table)

    assert found[0].row is None
    assert columns(found[1].row) == {"x": 2}


def test_several_tables_in_one_request(client: Any, make_table: Callable[..., str]) -> None:
    first, second = make_table(), make_table()
    put(client, second, [("pk", "a")], [("x", 2)])
    request = ots.BatchGetRowRequest()
    for table in (first, second):
        request.add(ots.TableInBatchGetRowItem(table, [[("pk", "a")]], [], None, 1))

    answer = client.batch_get_row(request)

    assert answer.get_result_by_table(first)[0].row is None
    assert columns(answer.get_result_by_table(second)[0].row) == {"x": 2}


def test_row_of_a_missing_table_fails_by_itself(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])
    request = ots.BatchGetRowRequest()
    for name in (table, f"{table}_no"):
        request.add(ots.TableInBatchGetRowItem(name, [[("pk", "a")]], [], None, 1))

    succeeded, failed = client.batch_get_row(request).get_result()

    assert len(succeeded) == 1
    assert [item.error_code for item in failed] == ["OTSObjectNotExist"]


def test_100_rows_are_read_and_101_refused(client: Any, table: str) -> None:
    names = [f"{n}" for n in range(101)]

    assert len(get_many(client, table, names[:100]).get_result_by_table(table)) == 100
    with refused("OTSParameterInvalid", 400, "Rows count exceeds the upper limit: 100."):
        get_many(client, table, names)


def test_no_rows_are_refused(client: Any) -> None:
    with refused("OTSParameterInvalid", 400, "No row specified in the request of BatchGetRow."):
        client.batch_get_row(ots.BatchGetRowRequest())


def test_table_without_rows_is_answered_without_rows(client: Any, table: str) -> None:
    answer = get_many(client, table, [])

    assert answer.get_result_by_table(table) == []


def test_same_row_twice_is_answered_twice(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])

    found = get_many(client, table, ["a", "nobody", "a"]).get_result_by_table(table)

    assert [item.row and columns(item.row) for item in found] == [{"x": 1}, None, {"x": 1}]
