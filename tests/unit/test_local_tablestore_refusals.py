"""What the local Tablestore does not do and no official client can ask for: refused by name all the same."""

import time
from collections.abc import Iterator

import pytest
from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore.errors import UnsupportOperation
from tablestore_memory.localcloud.tablestore.faults import row_failures
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.routes import dispatch
from tests.conformance.test_unsupported import documented

STREAMS = {"ListStream", "DescribeStream", "GetShardIterator", "GetStreamRecord"}


@pytest.fixture
def instance() -> Iterator[Instance]:
    instance = Instance(":memory:", lag_s=(0, 0), later=lambda *_: None, clock=time.time)
    yield instance
    instance.close()


def create_table(instance: Instance) -> pb.CreateTableRequest:
    request = pb.CreateTableRequest()
    request.table_meta.table_name = "t"
    request.table_meta.primary_key.add(name="pk", type=pb.STRING)
    request.reserved_throughput.capacity_unit.read = 0
    return request


def test_what_is_documented_as_absent_is_refused_by_name(instance: Instance) -> None:
    absent = {operation for operation, there in documented().items() if not there}

    for operation in absent:
        with pytest.raises(UnsupportOperation, match=f"'{operation}'"):
            dispatch(instance, operation, b"", row_failures(None))

    assert absent >= STREAMS


def test_stream_of_a_new_table_is_refused(instance: Instance) -> None:
    request = create_table(instance)
    request.stream_spec.enable_stream = True

    with pytest.raises(UnsupportOperation, match="streams"):
        dispatch(instance, "CreateTable", request.SerializeToString(), row_failures(None))

    assert instance.tables.names() == []


def test_stream_of_a_table_that_is_there_is_refused(instance: Instance) -> None:
    made = create_table(instance).SerializeToString()
    dispatch(instance, "CreateTable", made, row_failures(None))
    request = pb.UpdateTableRequest(table_name="t")
    request.stream_spec.enable_stream = True

    with pytest.raises(UnsupportOperation, match="Streams"):
        dispatch(instance, "UpdateTable", request.SerializeToString(), row_failures(None))
