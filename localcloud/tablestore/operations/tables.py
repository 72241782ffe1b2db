"""CreateTable, ListTable, DescribeTable, UpdateTable, DeleteTable, CreateIndex, DropIndex."""

from tablestore.protobuf import table_store_pb2 as pb

from tablestore_memory.localcloud.tablestore.errors import ParameterInvalid, UnsupportOperation
from tablestore_memory.localcloud.tablestore.instance import Instance
from tablestore_memory.localcloud.tablestore.tables import describe, throughput


def create_table(instance: Instance, request: pb.CreateTableRequest) -> pb.CreateTableResponse:
    instance.tables.create(request)
    return pb.CreateTableResponse()


def list_table(instance: Instance, _: pb.ListTableRequest) -> pb.ListTableResponse:
    return pb.ListTableResponse(table_names=instance.tables.names())


def describe_table(
    instance: Instance, request: pb.DescribeTableRequest
) -> pb.DescribeTableResponse:
    return describe(instance.tables.get(request.table_name))


def update_table(instance: Instance, request: pb.UpdateTableRequest) -> pb.UpdateTableResponse:
    if request.stream_spec.enable_stream:
        raise UnsupportOperation("Streams are not supported.")
    table = instance.tables.data_table(request.table_name)
    searched = instance.search.has_indexes(table.name)
    instance.tables.update(table, request, searched=searched)
    response = pb.UpdateTableResponse(table_options=table.definition.table_options)
    response.reserved_throughput_details.CopyFrom(throughput(table))
    return response


def delete_table(instance: Instance, request: pb.DeleteTableRequest) -> pb.DeleteTableResponse:
    table = instance.tables.data_table(request.table_name)
    if instance.search.has_indexes(table.name):
        raise ParameterInvalid(
            f"Table[{table.name}] who has at least one search index cannot be deleted."
        )
    instance.tables.delete(table)
    instance.search.table_dropped(table.name)
    return pb.DeleteTableResponse()


def create_index(instance: Instance, request: pb.CreateIndexRequest) -> pb.CreateIndexResponse:
    table = instance.tables.data_table(request.main_table_name)
    index = instance.tables.create_index(table, request.index_meta)
    if request.include_base_data:
        instance.indexes.build(table, index, instance.rows.now_ms())
    return pb.CreateIndexResponse()


def drop_index(instance: Instance, request: pb.DropIndexRequest) -> pb.DropIndexResponse:
    table = instance.tables.data_table(request.main_table_name)
    instance.tables.drop_index(table, request.index_name)
    return pb.DropIndexResponse()
