"""PlainBuffer: how rows travel inside requests and responses, written from the public format."""

from localcloud.tablestore.plainbuffer.encode import Cell, encode_row, encode_rows, encode_value

__all__ = ["Cell", "encode_row", "encode_rows", "encode_value"]
