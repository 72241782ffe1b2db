"""A search engine over rows in a dictionary, asked in the SDK's own encoding."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tablestore as ots
from tablestore.encoder import OTSProtoBufferEncoder
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.contract import Columns, Key
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_row
from tablestore_memory.localcloud.tablestore.search.engine import SearchEngine

TABLE, INDEX = "t", "i"
_ENCODER = OTSProtoBufferEncoder("utf8")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Store:
    """Rows and catalog of one table with an integer key `pk`."""

    content: dict[Any, dict[str, Any]] = field(default_factory=dict)
    definitions: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def scan(self, _: str) -> Iterator[tuple[Key, Columns]]:
        yield from sorted(self.content.items())

    def read(self, _: str, key: Key) -> Columns | None:
        return self.content.get(key)

    def shown(self, _: str, keys: Sequence[Key], names: Collection[str]) -> Sequence[bytes | None]:
        raise NotImplementedError("columns that the index does not store")

    def primary_key(self, _: str) -> tuple[str, ...]:
        return ("pk",)

    def check_indexable(self, _: str) -> None:
        return

    def save_search_index(self, table: str, index: str, definition: bytes) -> None:
        self.definitions[table, index] = definition

    def search_indexes(self) -> list[tuple[str, str, bytes]]:
        return [(table, index, raw) for (table, index), raw in self.definitions.items()]

    def drop_search_index(self, table: str, index: str) -> None:
        self.definitions.pop((table, index), None)


class Indexed:
    """Rows and their index."""

    def __init__(
        self, *fields: ots.FieldSchema, lag_s: tuple[float, float] = (0, 0), rows: Any = None
    ) -> None:
        self.store, self.clock = Store(dict(rows or {})), Clock()
        self.engine = SearchEngine(self.store, self.store, lag_s=lag_s, clock=self.clock)
        meta = ots.SearchIndexMeta(list(fields))
        self.engine.create_search_index(
            pb.CreateSearchIndexRequest.FromString(
                _ENCODER._encode_create_search_index(TABLE, INDEX, meta).SerializeToString()
            )
        )

    def put(self, key: int, **columns: Any) -> None:
        self.store.content[key,] = columns
        self.engine.row_changed(TABLE, (key,), columns)

    def delete(self, key: int) -> None:
        self.store.content.pop((key,), None)
        self.engine.row_changed(TABLE, (key,), None)

    def search(self, query: ots.Query, **options: Any) -> Any:
        columns = ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL_FROM_INDEX)
        asked = ots.SearchQuery(query, **{"get_total_count": True, "limit": 1000} | options)
        request = _ENCODER._encode_search(TABLE, INDEX, asked, columns, None, None)
        return self.engine.search(pb.SearchRequest.FromString(request.SerializeToString()))

    def keys(self, query: ots.Query, **options: Any) -> list[Any]:
        return keys_of(self.search(query, **options))


def keys_of(response: Any) -> list[Any]:
    return [decode_row(row).key[0][1] for row in response.rows]
