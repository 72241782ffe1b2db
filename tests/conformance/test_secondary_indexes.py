"""Secondary indexes: LOCAL at once, GLOBAL a moment later."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots
from tablestore import INF_MAX, INF_MIN, SecondaryIndexMeta, SecondaryIndexType

from devtools.servers import wait_until
from tests.conformance.tablestore import (
    columns,
    every_key,
    get,
    get_columns,
    get_range,
    put,
    refused,
    update,
)

LOCAL, GLOBAL = SecondaryIndexType.LOCAL_INDEX, SecondaryIndexType.GLOBAL_INDEX
TABLE_KEY = [("user", "STRING"), ("id", "STRING")]
DEFINED = [("time", "INTEGER"), ("title", "STRING"), ("open", "BOOLEAN")]


@pytest.fixture
def sessions(make_table: Callable[..., str]) -> str:
    return make_table(TABLE_KEY, DEFINED)


@pytest.fixture
def by_time(client: Any, sessions: str) -> str:
    """The sessions of a user by time."""
    name = f"{sessions}_by_time"
    index = SecondaryIndexMeta(name, ["user", "time"], ["title"], LOCAL)
    client.create_secondary_index(sessions, index, False)
    return name


def session(user: str, id_: str) -> list[tuple[str, Any]]:
    return [("user", user), ("id", id_)]


INDEX_KEY = ["user", "time", "id"]


def test_local_index_has_the_row_when_the_write_returns(
    client: Any, sessions: str, by_time: str
) -> None:
    put(client, sessions, session("u", "1"), [("time", 5), ("title", "five"), ("other", 1)])

    row = get(client, by_time, [("user", "u"), ("time", 5), ("id", "1")])

    assert columns(row) == {"title": "five"}


def test_index_is_described_with_the_table(client: Any, sessions: str, by_time: str) -> None:
    [index] = client.describe_table(sessions).secondary_indexes

    assert (index.index_name, index.index_type) == (by_time, LOCAL)
    assert index.primary_key_names == ["user", "time"]
    assert index.defined_column_names == ["title"]


def test_index_key_is_completed_by_the_tables(client: Any, by_time: str) -> None:
    schema = client.describe_table(by_time).table_meta.schema_of_primary_key

    assert schema == [("user", "STRING"), ("time", "INTEGER"), ("id", "STRING")]


def test_index_gives_another_order(client: Any, sessions: str, by_time: str) -> None:
    for id_, time in (("a", 3), ("b", 1), ("c", 2)):
        put(client, sessions, session("u", id_), [("time", time)])

    start = [("user", "u"), ("time", INF_MAX), ("id", INF_MAX)]
    end = [("user", "u"), ("time", INF_MIN), ("id", INF_MIN)]
    rows, _ = get_range(client, by_time, start, end, direction=ots.Direction.BACKWARD)

    assert [dict(row.primary_key)["id"] for row in rows] == ["a", "c", "b"]


def test_row_moves_in_the_index_when_its_column_changes(
    client: Any, sessions: str, by_time: str
) -> None:
    put(client, sessions, session("u", "1"), [("time", 5), ("title", "t")])

    update(client, sessions, session("u", "1"), {"PUT": [("time", 9)]})

    assert every_key(client, by_time, INDEX_KEY) == [["u", 9, "1"]]


def test_row_leaves_the_index_with_its_column(client: Any, sessions: str, by_time: str) -> None:
    put(client, sessions, session("u", "1"), [("time", 5)])

    update(client, sessions, session("u", "1"), {"DELETE_ALL": ["time"]})

    assert every_key(client, by_time, INDEX_KEY) == []


def test_deleted_row_leaves_the_index(client: Any, sessions: str, by_time: str) -> None:
    put(client, sessions, session("u", "1"), [("time", 5)])

    client.delete_row(sessions, ots.Row(session("u", "1")))

    assert every_key(client, by_time, INDEX_KEY) == []


def test_column_taken_out_leaves_the_index_row(client: Any, sessions: str, by_time: str) -> None:
    put(client, sessions, session("u", "1"), [("time", 5), ("title", "t")])

    update(client, sessions, session("u", "1"), {"DELETE_ALL": ["title"]})

    assert get_columns(client, by_time, [("user", "u"), ("time", 5), ("id", "1")]) == {}


def test_row_without_the_column_is_not_in_the_index(
    client: Any, sessions: str, by_time: str
) -> None:
    put(client, sessions, session("u", "1"), [("title", "no time")])

    assert every_key(client, by_time, INDEX_KEY) == []


def test_index_with_base_data_has_the_rows_there_were(client: Any, sessions: str) -> None:
    put(client, sessions, session("u", "1"), [("time", 5)])
    index = f"{sessions}_later"

    client.create_secondary_index(
        sessions, SecondaryIndexMeta(index, ["user", "time"], [], LOCAL), True
    )

    wait_until(lambda: _readable(client, index) == [["u", 5, "1"]], "the base data is there")


def _readable(client: Any, index: str) -> list[list[Any]] | None:
    try:
        return every_key(client, index, INDEX_KEY)
    except ots.OTSServiceError as error:  # a real instance says so while it builds the index
        assert "building base state" in error.message
        return None


def test_index_without_base_data_begins_empty(client: Any, sessions: str) -> None:
    put(client, sessions, session("u", "1"), [("time", 5)])
    index = f"{sessions}_later"

    client.create_secondary_index(
        sessions, SecondaryIndexMeta(index, ["user", "time"], [], LOCAL), False
    )
    put(client, sessions, session("u", "2"), [("time", 6)])

    assert every_key(client, index, INDEX_KEY) == [["u", 6, "2"]]


def test_global_index_has_the_row_a_moment_later(client: Any, sessions: str) -> None:
    index = f"{sessions}_global"
    client.create_secondary_index(
        sessions, SecondaryIndexMeta(index, ["title"], ["time"], GLOBAL), False
    )

    put(client, sessions, session("u", "1"), [("title", "x"), ("time", 1)])
    update(client, sessions, session("u", "1"), {"PUT": [("title", "y")]})

    names = ["title", "user", "id"]
    wait_until(lambda: every_key(client, index, names) == [["y", "u", "1"]], "the index follows")
    assert get_columns(client, index, [("title", "y"), *session("u", "1")]) == {"time": 1}


def test_indexes_made_with_the_table(client: Any, make_table: Callable[..., str]) -> None:
    index = SecondaryIndexMeta(f"i{id(client)}", ["user", "time"], ["title"], LOCAL)

    table = make_table(TABLE_KEY, DEFINED, indexes=[index])
    put(client, table, session("u", "1"), [("time", 5)])

    assert every_key(client, index.index_name, INDEX_KEY) == [["u", 5, "1"]]


def test_index_cannot_be_written(client: Any, by_time: str) -> None:
    with refused("OTSParameterInvalid", 400, "Can't write index table directly."):
        put(client, by_time, [("user", "u"), ("time", 5), ("id", "1")])


def test_dropped_index_is_gone(client: Any, sessions: str, by_time: str) -> None:
    client.delete_secondary_index(sessions, by_time)

    assert client.describe_table(sessions).secondary_indexes == []
    with refused("OTSObjectNotExist", 404):
        every_key(client, by_time, INDEX_KEY)


def test_index_goes_with_its_table(client: Any, sessions: str, by_time: str) -> None:
    client.delete_table(sessions)

    assert by_time not in client.list_table()


def test_same_index_twice_is_refused(client: Any, sessions: str, by_time: str) -> None:
    with refused("OTSObjectAlreadyExist", 409):
        client.create_secondary_index(
            sessions, SecondaryIndexMeta(by_time, ["user", "time"], [], LOCAL), False
        )


def test_local_index_must_begin_as_the_table(client: Any, sessions: str) -> None:
    with refused("OTSParameterInvalid", 400):
        client.create_secondary_index(
            sessions, SecondaryIndexMeta(f"{sessions}_i", ["time"], [], LOCAL), False
        )


@pytest.mark.parametrize("names", [["user", "nothing"], ["user", "open"], []])
def test_index_over_columns_that_cannot_be_keys_is_refused(
    client: Any, sessions: str, names: list[str]
) -> None:
    with refused("OTSParameterInvalid", 400):
        client.create_secondary_index(
            sessions, SecondaryIndexMeta(f"{sessions}_i", names, [], LOCAL), False
        )


def test_table_with_several_versions_cannot_have_an_index(
    client: Any, make_table: Callable[..., str]
) -> None:
    table = make_table(TABLE_KEY, DEFINED, ots.TableOptions(-1, 2))

    with refused("OTSParameterInvalid", 400):
        client.create_secondary_index(
            table, SecondaryIndexMeta(f"{table}_i", ["user", "time"], [], LOCAL), False
        )


def test_sixth_index_is_refused(client: Any, sessions: str) -> None:
    for n in range(5):
        client.create_secondary_index(
            sessions, SecondaryIndexMeta(f"{sessions}_i{n}", ["user", "time"], [], LOCAL), False
        )

    with refused("OTSParameterInvalid", 400, "Number of index per table exceeds the quota:5."):
        client.create_secondary_index(
            sessions, SecondaryIndexMeta(f"{sessions}_i5", ["user", "time"], [], LOCAL), False
        )
