"""Which columns a search returns."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from devtools.servers import wait_until
from tests.conformance.searched import (
    EVERYTHING,
    FROM_INDEX,
    NOTHING,
    Searched,
    keyword,
    long,
    returned,
    text,
)
from tests.conformance.tablestore import put, refused, update

ALL = ots.MatchAllQuery()
ROW = {"k": "x", "n": 7, "t": "green tea", "b": True, "d": 0.5, "raw": bytearray(b"\x00\x01")}


@pytest.fixture
def rows(client: Any, table: str) -> Searched:
    searched = Searched(
        client, table, keyword("pk"), keyword("k"), long("n", store=False), text("t")
    )
    return searched.put_all({"a": ROW})


def test_key_alone(rows: Searched) -> None:
    assert rows.rows(ALL, NOTHING) == {"a": {}}


def test_key_alone_when_nothing_is_said(rows: Searched) -> None:
    found = rows.search(ALL, columns=None)

    assert found.rows == [([("pk", "a")], [])]


def test_all_columns_come_from_the_table(rows: Searched) -> None:
    assert rows.rows(ALL, EVERYTHING) == {"a": ROW}


def test_columns_come_in_order_of_their_names(rows: Searched) -> None:
    assert list(rows.rows(ALL, EVERYTHING)["a"]) == ["b", "d", "k", "n", "raw", "t"]


def test_named_columns_come_from_index_or_table(rows: Searched) -> None:
    assert rows.rows(ALL, returned("t", "k")) == {"a": {"k": "x", "t": "green tea"}}
    assert rows.rows(ALL, returned("n", "d", "t")) == {"a": {"d": 0.5, "n": 7, "t": "green tea"}}


def test_newest_is_returned_of_a_column_that_has_several_versions(
    client: Any, make_table: Callable[..., str]
) -> None:
    table = make_table(options=ots.TableOptions(max_version=2))
    now_ms = round(time.time() * 1000)
    put(client, table, [("pk", "a")], [("n", 1, now_ms - 1), ("d", 0.5)])
    update(client, table, [("pk", "a")], {"PUT": [("n", 2, now_ms)]})
    client.update_table(table, ots.TableOptions(max_version=1))

    rows = Searched(client, table, keyword("pk"))
    wait_until(lambda: rows.count(ALL) == 1, "row in the index")

    assert rows.rows(ALL, returned("n", "d")) == {"a": {"d": 0.5, "n": 2}}


def test_names_that_no_row_has_are_left_out(rows: Searched) -> None:
    assert rows.rows(ALL, returned("nowhere", "d")) == {"a": {"d": 0.5}}


def test_key_columns_may_be_named_and_come_once(rows: Searched) -> None:
    found = rows.search(ALL, columns=returned("pk", "k"), limit=1000)

    [(key, cells)] = found.rows
    assert key == [("pk", "a")]
    # What the index stores has no version, and the SDK's codecs tell so in different ways: the one
    # in Python with a None in its place, the one in C++ with nothing.
    assert [cell[:2] for cell in cells] == [("k", "x")]
    assert [cell[2:] for cell in cells] in ([(None,)], [()])


def test_all_from_the_index_is_what_it_stores(rows: Searched) -> None:
    assert rows.rows(ALL, FROM_INDEX) == {"a": {"k": "x", "t": "green tea"}}


def test_specified_without_a_name_is_refused(rows: Searched) -> None:
    with refused("OTSParameterInvalid", 400):
        rows.search(ALL, columns=returned())
