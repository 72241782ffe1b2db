"""UpdateRow: put, delete one version, delete all, increment."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import IGNORE, get_columns, put, refused, update

KEY = [("pk", "a")]


def test_update_keeps_other_columns(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", 2)])

    update(client, table, KEY, {"PUT": [("x", 5), ("z", 6)]})

    assert get_columns(client, table, KEY) == {"x": 5, "y": 2, "z": 6}


def test_update_makes_a_missing_row(client: Any, table: str) -> None:
    update(client, table, KEY, {"PUT": [("x", 1)]})

    assert get_columns(client, table, KEY) == {"x": 1}


def test_update_may_change_the_type_of_a_column(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])

    update(client, table, KEY, {"PUT": [("x", "one")]})

    assert get_columns(client, table, KEY) == {"x": "one"}


def test_delete_all_takes_columns_away(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", 2), ("z", 3)])

    update(client, table, KEY, {"DELETE_ALL": ["x", "z", "no"]})

    assert get_columns(client, table, KEY) == {"y": 2}


def test_row_stays_without_columns(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1)])

    update(client, table, KEY, {"DELETE_ALL": ["x"]})

    assert get_columns(client, table, KEY) == {}


@pytest.mark.parametrize(
    "gone", [{"DELETE_ALL": ["x", "y"]}, {"DELETE": [("x", None, 1)]}], ids=["all", "one version"]
)
def test_update_that_only_deletes_makes_no_row(
    client: Any, table: str, gone: dict[str, Any]
) -> None:
    update(client, table, KEY, gone)

    assert get_columns(client, table, KEY) is None


def test_put_and_delete_in_one_update(client: Any, table: str) -> None:
    put(client, table, KEY, [("x", 1), ("y", 2)])

    update(client, table, KEY, {"PUT": [("z", 3)], "DELETE_ALL": ["x"]})

    assert get_columns(client, table, KEY) == {"y": 2, "z": 3}


def test_increment_adds(client: Any, table: str) -> None:
    put(client, table, KEY, [("n", 40)])

    update(client, table, KEY, {"INCREMENT": [("n", 5)]})
    update(client, table, KEY, {"INCREMENT": [("n", -3)]})

    assert get_columns(client, table, KEY) == {"n": 42}


def test_increment_of_a_missing_column_begins_at_zero(client: Any, table: str) -> None:
    update(client, table, KEY, {"INCREMENT": [("n", 7)]})

    assert get_columns(client, table, KEY) == {"n": 7}


def test_increment_of_a_string_is_refused(client: Any, table: str) -> None:
    put(client, table, KEY, [("n", "seven")])

    with refused("OTSParameterInvalid", 400):
        update(client, table, KEY, {"INCREMENT": [("n", 1)]})

    assert get_columns(client, table, KEY) == {"n": "seven"}


def test_update_without_columns_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "Attribute column is missing."):
        update(client, table, KEY, {})


def test_column_named_as_the_key_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400, "Duplicated attribute column name with primary key"):
        update(client, table, KEY, {"PUT": [("pk", 1)]})


def test_return_type_pk_returns_the_key(client: Any, table: str) -> None:
    row = ots.Row(KEY, {"PUT": [("x", 1)]})

    _, returned = client.update_row(table, row, IGNORE, ots.ReturnType.RT_PK)

    assert returned.primary_key == KEY
