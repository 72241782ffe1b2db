"""A table with one search index, and short ways to ask it."""

from typing import Any

import tablestore as ots

from devtools.servers import wait_until
from tests.conformance.tablestore import put

Key = str | int
NOTHING = ots.ColumnsToGet(return_type=ots.ColumnReturnType.NONE)
EVERYTHING = ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL)
FROM_INDEX = ots.ColumnsToGet(return_type=ots.ColumnReturnType.ALL_FROM_INDEX)
BY_SCORE = ots.Sort([ots.ScoreSort(ots.SortOrder.DESC)])


def by_field(name: str, order: int = ots.SortOrder.ASC, mode: int | None = None) -> ots.Sort:
    return ots.Sort([ots.FieldSort(name, sort_order=order, sort_mode=mode)])


def by_key(order: int = ots.SortOrder.ASC) -> ots.Sort:
    return ots.Sort([ots.PrimaryKeySort(order)])


def keyword(name: str, **options: Any) -> ots.FieldSchema:
    return ots.FieldSchema(name, ots.FieldType.KEYWORD, **options)


def long(name: str, **options: Any) -> ots.FieldSchema:
    return ots.FieldSchema(name, ots.FieldType.LONG, **options)


def text(name: str, analyzer: str | None = None, parameter: Any = None) -> ots.FieldSchema:
    return ots.FieldSchema(
        name, ots.FieldType.TEXT, analyzer=analyzer, analyzer_parameter=parameter
    )


def vector(
    name: str, dimension: int, metric: int = ots.VectorMetricType.VM_COSINE
) -> ots.FieldSchema:
    options = ots.VectorOptions(ots.VectorDataType.VD_FLOAT_32, metric, dimension)
    return ots.FieldSchema(name, ots.FieldType.VECTOR, vector_options=options)


def returned(*names: str) -> ots.ColumnsToGet:
    """These columns."""
    return ots.ColumnsToGet(list(names), ots.ColumnReturnType.SPECIFIED)


class Searched:
    """A table whose primary key is `pk`, and its index."""

    INDEX = "index_of_test"

    def __init__(self, client: Any, table: str, *fields: ots.FieldSchema, **options: Any) -> None:
        self.client, self.table = client, table
        self._rows: set[Key] = set()
        meta = ots.SearchIndexMeta(list(fields), **options)
        client.create_search_index(table, self.INDEX, meta)

    def put(self, key: Key, **columns: Any) -> None:
        put(self.client, self.table, [("pk", key)], list(columns.items()))
        self._rows.add(key)

    def put_all(self, rows: dict[Any, dict[str, Any]]) -> "Searched":
        """Put rows of columns by key and wait until the index has them."""
        for key, columns in rows.items():
            self.put(key, **columns)
        return self.settle()

    def delete(self, key: Key) -> None:
        self.client.delete_row(self.table, ots.Row([("pk", key)]), None)
        self._rows.discard(key)

    def settle(self) -> "Searched":
        """Wait until the index has as many rows as are there; at once where it does not lag."""
        everything = ots.MatchAllQuery()
        wait_until(lambda: self.count(everything) == len(self._rows), "rows in the index")
        return self

    def search(self, query: ots.Query, **options: Any) -> Any:
        """The response; `columns` and `routing_keys` go beside the query, others into it."""
        columns = options.pop("columns", NOTHING)
        routing_keys = options.pop("routing_keys", None)
        asked = ots.SearchQuery(query, **{"get_total_count": True} | options)
        return self.client.search(self.table, self.INDEX, asked, columns, routing_keys)

    def keys(self, query: ots.Query, **options: Any) -> list[Any]:
        """The keys found, in order."""
        return [row[0][0][1] for row in self.search(query, **options).rows]

    def scores(self, query: ots.Query, **options: Any) -> dict[Any, float]:
        """The score of each key found, best first."""
        hits = self.search(query, sort=BY_SCORE, **options).search_hits
        return {hit.row[0][0][1]: hit.score for hit in hits}

    def rows(self, query: ots.Query, columns: ots.ColumnsToGet, **options: Any) -> dict[Any, Any]:
        """The columns found by key, in the order they came."""
        found = self.search(query, columns=columns, **options).rows
        return {key[0][1]: {cell[0]: cell[1] for cell in cells} for key, cells in found}

    def count(self, query: ots.Query) -> int:
        return int(self.search(query, limit=0).total_count)

    def pages(self, query: ots.Query, limit: int, **options: Any) -> list[list[Any]]:
        """The keys of each page, following the token to the end."""
        pages: list[list[Any]] = []
        token = None
        while token or not pages:
            found = self.search(query, limit=limit, next_token=token, **options)
            pages.append([row[0][0][1] for row in found.rows])
            token = found.next_token
        return pages
