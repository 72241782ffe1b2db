"""Sizes and counts at and over the service's limits."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import IGNORE, columns, get, get_columns, put, refused, update

KEY = [("pk", "a")]


@pytest.mark.parametrize("value", ["k" * 1024, "钥" * 341])
def test_key_value_of_1_kb_is_taken(client: Any, table: str, value: str) -> None:
    put(client, table, [("pk", value)], [("x", 1)])

    assert get_columns(client, table, [("pk", value)]) == {"x": 1}


@pytest.mark.parametrize("value", ["k" * 1025, "钥" * 342])
def test_key_value_over_1_kb_is_refused(client: Any, table: str, value: str) -> None:
    with refused("OTSParameterInvalid", 400, "The length of primary key column: 'pk' exceeded"):
        put(client, table, [("pk", value)])


def test_binary_key_value_over_1_kb_is_refused(client: Any, make_table: Callable[..., str]) -> None:
    table = make_table([("pk", "BINARY")])

    with refused("OTSParameterInvalid", 400, "MaxLength:1024 with CurrentLength:1025."):
        put(client, table, [("pk", bytearray(1025))])


def test_column_of_2_mb_is_taken(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", bytearray(2 * 1024 * 1024))])

    assert len(columns(get(client, table, KEY))["x"]) == 2 * 1024 * 1024


def test_column_over_2_mb_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "The length of attribute column: 'x' exceeded"):
        put(client, table, KEY, [("x", bytearray(2 * 1024 * 1024 + 1))])


def test_row_over_4_mb_is_refused(client: Any, table: str) -> None:
    three = [(name, bytearray(1_500_000)) for name in "xyz"]

    with refused("OTSParameterInvalid", 400, "The total data size of PutRow request"):
        put(client, table, KEY, three)
    with refused("OTSParameterInvalid", 400, "The total data size of UpdateRow request"):
        update(client, table, KEY, {"PUT": three})


def test_1024_columns_are_taken_and_1025_refused(client: Any, table: str) -> None:
    many = [(f"c{n:04}", n) for n in range(1025)]

    put(client, table, KEY, many[:1024])
    assert len(columns(get(client, table, KEY))) == 1024

    with refused("OTSParameterInvalid", 400, "limit count: 1024, column count: 1025."):
        put(client, table, KEY, many)


def test_column_name_of_255_bytes_is_taken(client: Any, table: str) -> None:
    put(client, table, KEY, [("c" * 255, 1)])

    assert get_columns(client, table, KEY) == {"c" * 255: 1}


@pytest.mark.parametrize("name", ["c" * 256, "#", "#abc", "# "])
def test_bad_column_name_is_refused(client: Any, table: str, name: str) -> None:
    message = f"Invalid column name: '{name}'."

    with refused("OTSParameterInvalid", 400, message):
        put(client, table, KEY, [(name, 1)])
    with refused("OTSParameterInvalid", 400, message):
        update(client, table, KEY, {"PUT": [(name, 1)]})
    with refused("OTSParameterInvalid", 400, message):
        client.get_row(table, KEY, columns_to_get=[name], max_version=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_doubles_that_are_no_numbers_are_refused(client: Any, table: str, value: float) -> None:
    with refused("OTSParameterInvalid", 400, "can't be set to double value."):
        put(client, table, KEY, [("x", value)])


def test_64_tables_and_no_more(local_only: None) -> None:
    from devtools.servers import Server
    from tests.conformance.tablestore import Service, create, meta

    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as server:
        client = Service(server.url).sync_client()
        for n in range(64):
            create(client, meta(f"t{n}"))

        with refused("OTSQuotaExhausted", 403, "Number of tables exceeded the quota."):
            create(client, meta("t64"))

        client.delete_table("t0")
        create(client, meta("t64"))
        client.put_row("t64", ots.Row(KEY, []), IGNORE)
