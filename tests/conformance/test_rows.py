"""PutRow, GetRow, DeleteRow: values, projections, what is not there."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import IGNORE, columns, get, get_columns, put, refused

Make = Callable[..., str]
VALUES = {
    "empty": "",
    "english": "hello",
    "chinese": "你好，世界",
    "emoji": "🙂",
    "smallest": -(2**63),
    "largest": 2**63 - 1,
    "zero": 0,
    "double": 3.25,
    "negative_zero": -0.0,
    "yes": True,
    "no": False,
    "binary": bytearray(b"\x00\xff\x75"),
    "no_binary": bytearray(),
}


def test_every_type_comes_back_as_it_went(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], list(VALUES.items()))

    found = get_columns(client, table, [("pk", "a")])

    assert found == VALUES
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in VALUES.items()
    }


def test_every_key_type_comes_back_as_it_went(client: Any, make_table: Make) -> None:
    table = make_table([("s", "STRING"), ("i", "INTEGER"), ("b", "BINARY")])
    key = [("s", "钥匙\x00"), ("i", -7), ("b", bytearray(b"\x00\x01"))]

    put(client, table, key, [("x", 1)])

    assert get(client, table, key).primary_key == key


def test_columns_come_in_order_of_their_names(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("z", 1), ("A", 2), ("m", 3), ("_", 4)])

    row = get(client, table, [("pk", "a")])

    assert [name for name, _, _ in row.attribute_columns] == ["A", "_", "m", "z"]


def test_put_replaces_the_whole_row(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1), ("y", 2)])

    put(client, table, [("pk", "a")], [("y", 3)])

    assert get_columns(client, table, [("pk", "a")]) == {"y": 3}


def test_row_of_a_key_alone_is_a_row(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")])

    assert get_columns(client, table, [("pk", "a")]) == {}


def test_missing_row_is_none_and_costs_one_unit(client: Any, table: str) -> None:
    consumed, row, _ = client.get_row(table, [("pk", "nobody")], max_version=1)

    assert row is None
    assert (consumed.read, consumed.write) == (1, 0)


def test_written_units_are_one_for_every_4_kb(client: Any, table: str) -> None:
    row = ots.Row([("pk", "a")], [("x", "v" * 9000)])

    consumed, _ = client.put_row(table, row, IGNORE)

    assert (consumed.read, consumed.write) == (0, 3)


@pytest.mark.parametrize(("length", "units"), [(4093, 1), (4094, 2)])
def test_read_units_are_one_for_every_4_kb(
    client: Any, table: str, length: int, units: int
) -> None:
    """Names and values count: beside the value's bytes there are those of `pk` and `x`."""
    put(client, table, [("pk", "")], [("x", "v" * length)])

    read, _, _ = client.get_row(table, [("pk", "")], max_version=1)
    ranged, _, _, _ = client.get_range(
        table, ots.Direction.FORWARD, [("pk", "")], [("pk", ots.INF_MAX)], max_version=1
    )

    assert [(unit.read, unit.write) for unit in (read, ranged)] == [(units, 0)] * 2


def test_deleted_row_is_gone(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])

    client.delete_row(table, ots.Row([("pk", "a")]), IGNORE)

    assert get(client, table, [("pk", "a")]) is None


def test_deleting_what_is_not_there_succeeds(client: Any, table: str) -> None:
    client.delete_row(table, ots.Row([("pk", "nobody")]), IGNORE)

    assert get(client, table, [("pk", "nobody")]) is None


def test_return_type_pk_returns_the_key(client: Any, table: str) -> None:
    row = ots.Row([("pk", "a")], [("x", 1)])

    _, returned = client.put_row(table, row, IGNORE, ots.ReturnType.RT_PK)

    assert returned.primary_key == [("pk", "a")]
    assert returned.attribute_columns == []


def test_only_columns_asked_for_are_read(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1), ("y", 2), ("z", 3)])

    assert get_columns(client, table, [("pk", "a")], columns_to_get=["z", "x", "x", "no"]) == {
        "x": 1,
        "z": 3,
    }


def test_row_with_none_of_the_columns_asked_for_is_not_shown(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])

    assert get(client, table, [("pk", "a")], columns_to_get=["no"]) is None


def test_key_column_asked_for_shows_the_row(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])

    row = get(client, table, [("pk", "a")], columns_to_get=["pk"])

    assert row.primary_key == [("pk", "a")]
    assert columns(row) == {}


def test_start_and_end_column_bound_what_is_read(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("a", 1), ("b", 2), ("c", 3), ("d", 4)])

    found = get_columns(client, table, [("pk", "a")], start_column="b", end_column="d")

    assert found == {"b": 2, "c": 3}


def test_more_than_128_columns_to_get_are_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "limit count: 128"):
        get(client, table, [("pk", "a")], columns_to_get=[f"c{n}" for n in range(129)])


def test_missing_table_is_refused(client: Any, fresh_name: str) -> None:
    with refused("OTSObjectNotExist", 404, "Requested table does not exist."):
        put(client, fresh_name, [("pk", "a")])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ([("other", "a")], "Validate PK name fail. Input: other, Meta: pk."),
        ([("pk", 1)], "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        ([("pk", "a"), ("b", "b")], "Validate PK size fail. Input: 2, Meta: 1."),
    ],
)
def test_key_that_does_not_fit_is_refused(
    client: Any, table: str, key: list[tuple[str, Any]], message: str
) -> None:
    with refused("OTSInvalidPK", 400, message):
        put(client, table, key)
    with refused("OTSInvalidPK", 400, message):
        get(client, table, key)
    with refused("OTSInvalidPK", 400, message):
        client.delete_row(table, ots.Row(key), IGNORE)


@pytest.mark.parametrize(("bound", "name"), [(ots.INF_MIN, "INF_MIN"), (ots.INF_MAX, "INF_MAX")])
def test_infinite_key_of_a_row_is_refused(client: Any, table: str, bound: Any, name: str) -> None:
    with refused("OTSParameterInvalid", 400, f"VT_{name} is an invalid type"):
        put(client, table, [("pk", bound)])
    with refused("OTSParameterInvalid", 400, f"VT_{name} is an invalid type"):
        get(client, table, [("pk", bound)])


def test_key_columns_in_another_order_are_refused(client: Any, make_table: Make) -> None:
    table = make_table([("a", "STRING"), ("b", "STRING")])

    with refused("OTSInvalidPK", 400, "Validate PK name fail. Input: b, Meta: a."):
        put(client, table, [("b", "1"), ("a", "2")])


def test_no_version_condition_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "No version condition is specified"):
        get(client, table, [("pk", "a")], max_version=None)
