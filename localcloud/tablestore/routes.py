"""Every operation the server answers. What is not in this table is OTSUnsupportOperation.

`docs/local-tablestore.md` has the same table for people; a test holds them equal.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tablestore.protobuf import search_pb2 as search
from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore.errors import UnsupportOperation
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.operations import batches, rows, tables

FailRow = batches.FailRow


class Route(NamedTuple):
    """An operation: the message it takes, and what answers it."""

    request: Any
    answer: Callable[..., Any]
    is_batch: bool = False  # takes a FailRow too


ROUTES: dict[str, Route] = {
    "CreateTable": Route(pb.CreateTableRequest, tables.create_table),
    "ListTable": Route(pb.ListTableRequest, tables.list_table),
    "DescribeTable": Route(pb.DescribeTableRequest, tables.describe_table),
    "UpdateTable": Route(pb.UpdateTableRequest, tables.update_table),
    "DeleteTable": Route(pb.DeleteTableRequest, tables.delete_table),
    "CreateIndex": Route(pb.CreateIndexRequest, tables.create_index),
    "DropIndex": Route(pb.DropIndexRequest, tables.drop_index),
    "PutRow": Route(pb.PutRowRequest, rows.put_row),
    "UpdateRow": Route(pb.UpdateRowRequest, rows.update_row),
    "DeleteRow": Route(pb.DeleteRowRequest, rows.delete_row),
    "GetRow": Route(pb.GetRowRequest, rows.get_row),
    "GetRange": Route(pb.GetRangeRequest, rows.get_range),
    "BatchGetRow": Route(pb.BatchGetRowRequest, batches.batch_get_row, is_batch=True),
    "BatchWriteRow": Route(pb.BatchWriteRowRequest, batches.batch_write_row, is_batch=True),
    "CreateSearchIndex": Route(
        search.CreateSearchIndexRequest, lambda i, request: i.search.create_search_index(request)
    ),
    "ListSearchIndex": Route(
        search.ListSearchIndexRequest, lambda i, request: i.search.list_search_index(request)
    ),
    "DescribeSearchIndex": Route(
        search.DescribeSearchIndexRequest,
        lambda i, request: i.search.describe_search_index(request),
    ),
    "UpdateSearchIndex": Route(
        search.UpdateSearchIndexRequest, lambda i, request: i.search.update_search_index(request)
    ),
    "DeleteSearchIndex": Route(
        search.DeleteSearchIndexRequest, lambda i, request: i.search.delete_search_index(request)
    ),
    "Search": Route(search.SearchRequest, lambda i, request: i.search.search(request)),
    "ComputeSplits": Route(
        search.ComputeSplitsRequest, lambda i, request: i.search.compute_splits(request)
    ),
    "ParallelScan": Route(
        search.ParallelScanRequest, lambda i, request: i.search.parallel_scan(request)
    ),
}


def dispatch(instance: Instance, operation: str, body: bytes, fail_row: FailRow) -> bytes:
    """The encoded response. Raises OTSError."""
    route = ROUTES.get(operation)
    if route is None:
        raise UnsupportOperation(f"Unsupported operation: '{operation}'.")
    request = parse(route.request, body)
    response = (
        route.answer(instance, request, fail_row)
        if route.is_batch
        else route.answer(instance, request)
    )
    encoded: bytes = response.SerializeToString()
    return encoded
