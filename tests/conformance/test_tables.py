"""CreateTable, ListTable, DescribeTable, UpdateTable, DeleteTable."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.tablestore import create, get_columns, meta, put, refused

Make = Callable[..., str]


def test_created_table_is_listed(client: Any, table: str) -> None:
    assert table in client.list_table()


def test_table_is_described_as_it_was_created(client: Any, make_table: Make) -> None:
    key = [("a", "STRING"), ("b", "INTEGER"), ("c", "BINARY")]
    defined = [("i", "INTEGER"), ("d", "DOUBLE"), ("t", "BOOLEAN"), ("s", "STRING")]

    name = make_table(key, defined, ots.TableOptions(1_200_000, 3, 86_401))

    described = client.describe_table(name)
    assert described.table_meta.schema_of_primary_key == key
    assert described.table_meta.defined_columns == defined
    options = described.table_options
    assert (options.time_to_live, options.max_version) == (1_200_000, 3)
    assert options.max_time_deviation == 86_401


def test_options_not_given_are_the_services(client: Any, table: str) -> None:
    options = client.describe_table(table).table_options

    assert (options.time_to_live, options.max_version) == (-1, 1)
    assert options.max_time_deviation == 86_400


def test_options_can_be_updated(client: Any, table: str) -> None:
    updated = client.update_table(table, ots.TableOptions(-1, 4, 86_402), None)

    described = client.describe_table(table).table_options
    assert updated.table_options.max_version == described.max_version == 4
    assert described.max_time_deviation == 86_402


def test_table_of_the_same_name_is_refused(client: Any, table: str) -> None:
    with refused("OTSObjectAlreadyExist", 409, "Requested table already exists."):
        create(client, meta(table, [("other", "STRING")]))

    assert client.describe_table(table).table_meta.schema_of_primary_key == [("pk", "STRING")]


def test_deleted_table_is_gone(client: Any, table: str) -> None:
    client.delete_table(table)

    assert table not in client.list_table()
    with refused("OTSObjectNotExist", 404, "Requested table does not exist."):
        client.describe_table(table)


def test_table_made_again_is_empty(client: Any, table: str) -> None:
    put(client, table, [("pk", "a")], [("x", 1)])
    client.delete_table(table)

    create(client, meta(table))

    assert get_columns(client, table, [("pk", "a")]) is None


def test_table_made_again_has_its_own_keys_and_throughput(client: Any, table: str) -> None:
    client.update_table(table, ots.TableOptions(-1, 4), None)
    client.delete_table(table)

    key, throughput = [("other", "INTEGER"), ("pk", "BINARY")], ots.CapacityUnit(2, 3)
    client.create_table(meta(table, key), ots.TableOptions(), ots.ReservedThroughput(throughput))

    described = client.describe_table(table)
    units = described.reserved_throughput_details.capacity_unit
    assert described.table_meta.schema_of_primary_key == key
    assert described.table_options.max_version == 1
    assert (units.read, units.write) == (2, 3)
    with refused("OTSInvalidPK", 400):
        put(client, table, [("pk", "a")])


def test_deleting_a_missing_table_is_refused(client: Any, fresh_name: str) -> None:
    with refused("OTSObjectNotExist", 404, "does not exist"):
        client.delete_table(fresh_name)


@pytest.mark.parametrize("name", ["0", "3t", "T#", "-", "表", "a" * 256])
def test_bad_table_name_is_refused(client: Any, name: str) -> None:
    with refused("OTSParameterInvalid", 400, f"Invalid table name: '{name}'."):
        create(client, meta(name))


def test_duplicate_key_column_is_refused(client: Any, fresh_name: str) -> None:
    with refused("OTSParameterInvalid", 400, "Duplicated primary key name: 'a'."):
        create(client, meta(fresh_name, [("a", "STRING"), ("a", "INTEGER")]))


def test_five_key_columns_are_refused(client: Any, fresh_name: str) -> None:
    key = [(name, "STRING") for name in "abcde"]

    with refused("OTSParameterInvalid", 400, "must be in range: [1, 4]."):
        create(client, meta(fresh_name, key))


def test_33_defined_columns_are_refused(client: Any, fresh_name: str) -> None:
    defined = [(f"d{n}", "STRING") for n in range(33)]

    with refused("OTSParameterInvalid", 400, "The number of defined columns"):
        create(client, meta(fresh_name, None, *defined))


@pytest.mark.parametrize("ttl", [0, -2, 3600])
def test_bad_time_to_live_is_refused(client: Any, fresh_name: str, ttl: int) -> None:
    with refused("OTSParameterInvalid", 400, "TimeToLive"):
        create(client, meta(fresh_name), ots.TableOptions(ttl))


def test_no_versions_at_all_are_refused(client: Any, fresh_name: str) -> None:
    with refused("OTSParameterInvalid", 400, "maximum versions"):
        create(client, meta(fresh_name), ots.TableOptions(-1, 0))


def test_auto_increment_key_is_not_supported(
    client: Any, fresh_name: str, local_only: None
) -> None:
    key = [("a", "STRING"), ("b", "INTEGER", ots.PK_AUTO_INCR)]

    with refused("OTSUnsupportOperation", 403):
        create(client, meta(fresh_name, key))  # type: ignore[arg-type]


def test_table_with_an_index_keeps_one_version(client: Any, make_table: Make) -> None:
    index = ots.SecondaryIndexMeta(
        f"i{id(client)}", ["pk", "x"], [], ots.SecondaryIndexType.LOCAL_INDEX
    )
    indexed = make_table(None, [("x", "INTEGER")], None, [index])
    searched = make_table()
    fields = [ots.FieldSchema("x", ots.FieldType.LONG)]
    client.create_search_index(searched, "s", ots.SearchIndexMeta(fields))

    for table in (indexed, searched):
        with refused("OTSParameterInvalid", 400):
            client.update_table(table, ots.TableOptions(-1, 2), None)
        assert client.describe_table(table).table_options.max_version == 1
