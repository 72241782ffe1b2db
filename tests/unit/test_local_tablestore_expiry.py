"""A row that outlives its table's time to live leaves the file, the indexes and the search."""

from collections.abc import Iterator
from typing import Any

import pytest
import tablestore as ots
from tablestore.encoder import OTSProtoBufferEncoder
from tablestore.protobuf import search_pb2
from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore.errors import ConditionCheckFail
from tablestore_memory.localcloud.tablestore.faults import row_failures
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.routes import dispatch
from tests.conformance.tablestore import IGNORE

DAY_S = 86_400
THROUGHPUT = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
KEY = [("pk", "a")]
NOT_EXIST = ots.Condition(ots.RowExistenceExpectation.EXPECT_NOT_EXIST)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def instance(clock: Clock) -> Iterator[Instance]:
    instance = Instance(":memory:", lag_s=(0, 0), later=lambda *_: None, clock=clock)
    yield instance
    instance.close()


def call(instance: Instance, operation: str, *arguments: Any) -> bytes:
    request = OTSProtoBufferEncoder("utf8").encode_request(operation, *arguments)
    return dispatch(instance, operation, request.SerializeToString(), row_failures(None))


@pytest.fixture
def table(instance: Instance) -> str:
    index = ots.SecondaryIndexMeta("local", ["pk", "x"], [], ots.SecondaryIndexType.LOCAL_INDEX)
    meta = ots.TableMeta("t", [("pk", "STRING")], [("x", "INTEGER")])
    options = ots.TableOptions(DAY_S, 1, DAY_S, False)
    call(instance, "CreateTable", meta, options, THROUGHPUT, None, [index])
    fields = [ots.FieldSchema("x", ots.FieldType.LONG)]
    call(instance, "CreateSearchIndex", "t", "s", ots.SearchIndexMeta(fields))
    return "t"


def put(instance: Instance, table: str, key: Any, columns: Any, condition: Any = IGNORE) -> None:
    call(instance, "PutRow", table, ots.Row(key, columns), condition, None, None)


def found(instance: Instance) -> int:
    query = ots.SearchQuery(ots.MatchAllQuery(), get_total_count=True)
    raw = call(instance, "Search", "t", "s", query, None, None, None)
    return int(search_pb2.SearchResponse.FromString(raw).total_hits)


def rows_in(instance: Instance, table: str) -> int:
    stored = instance.storage.ascending(instance.tables.get(table).id, b"", b"\xff\xff")
    return len(list(stored))


def is_readable(instance: Instance, key: Any) -> bool:
    raw = call(instance, "GetRow", "t", key, None, None, 1, None, None, None, None, None)
    return bool(pb.GetRowResponse.FromString(raw).row)


def test_expired_row_is_hidden_at_once(instance: Instance, clock: Clock, table: str) -> None:
    put(instance, table, KEY, [("x", 1)])

    clock.now += DAY_S + 1

    assert not is_readable(instance, KEY)


def test_expired_row_is_taken_out_everywhere(instance: Instance, clock: Clock, table: str) -> None:
    put(instance, table, KEY, [("x", 1)])
    clock.now += DAY_S / 2
    put(instance, table, [("pk", "young")], [("x", 2)])
    assert (rows_in(instance, "t"), rows_in(instance, "local"), found(instance)) == (2, 2, 2)
    clock.now += DAY_S / 2 + 1

    instance.rows.expire()

    assert (rows_in(instance, "t"), rows_in(instance, "local"), found(instance)) == (1, 1, 1)
    assert is_readable(instance, [("pk", "young")])


def test_expired_row_is_not_there_for_a_condition(instance: Instance, clock: Clock) -> None:
    options = ots.TableOptions(DAY_S, 1, DAY_S, True)
    meta = ots.TableMeta("t", [("pk", "STRING")])
    call(instance, "CreateTable", meta, options, THROUGHPUT, None, [])
    put(instance, "t", KEY, [("x", 1)])
    clock.now += DAY_S + 1

    put(instance, "t", KEY, [("x", 2)], NOT_EXIST)

    assert is_readable(instance, KEY)
    with pytest.raises(ConditionCheckFail):
        put(instance, "t", KEY, [("x", 3)], NOT_EXIST)


def test_row_of_a_key_alone_expires_by_its_last_write(
    instance: Instance, clock: Clock, table: str
) -> None:
    put(instance, table, KEY, [])
    assert is_readable(instance, KEY)

    clock.now += DAY_S + 1
    instance.rows.expire()

    assert not is_readable(instance, KEY)
    assert rows_in(instance, "t") == 0


def test_row_with_a_version_of_the_future_stays(
    instance: Instance, clock: Clock, table: str
) -> None:
    in_half_a_day_ms = int((clock.now + DAY_S / 2) * 1000)
    put(instance, table, KEY, [("x", 1, in_half_a_day_ms)])
    clock.now += DAY_S + 1

    instance.rows.expire()

    assert is_readable(instance, KEY)
