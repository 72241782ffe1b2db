"""The search engine: the API operations of search indexes, and the table's news for them.

Calls come from one thread at a time. Definitions are durable in the catalog; contents are in memory
and rebuilt from the rows at start.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.contract import Catalog, Columns, Key, Rows
from tablestore_memory.localcloud.tablestore.search import refuse, schema
from tablestore_memory.localcloud.tablestore.search.index import SearchIndex
from tablestore_memory.localcloud.tablestore.search.scan import Scans
from tablestore_memory.localcloud.tablestore.search.search import search

_NS = 1_000_000_000


class SearchEngine:
    """Every search index of an instance."""

    def __init__(
        self,
        rows: Rows,
        catalog: Catalog,
        *,
        lag_s: tuple[float, float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rows, self._catalog = rows, catalog
        self._lag_s, self._clock = lag_s, clock
        self._stopped = False
        self._indexes: dict[str, dict[str, SearchIndex]] = {}
        self._scans = Scans(clock)
        for table, name, definition in catalog.search_indexes():
            self._add(table, name, schema.from_description(definition)).rebuild()

    # What the tables tell.

    def has_indexes(self, table: str) -> bool:
        """Whether the table has a search index."""
        return bool(self._indexes.get(table))

    def row_changed(self, table: str, key: Key, columns: Columns | None) -> None:
        """Take note of a committed write: the whole row after it, None if it is deleted."""
        for index in self._indexes.get(table, {}).values():
            index.row_changed(key, columns)

    def table_dropped(self, table: str) -> None:
        """Drop the indexes of a table that is gone."""
        for name in self._indexes.pop(table, {}):
            self._catalog.drop_search_index(table, name)

    def tick(self) -> None:
        """Make visible what is due, so that changes do not pile up while nobody searches."""
        for index in self._every():
            index.catch_up()

    # Faults on demand.

    def set_lag(self, lag_s: tuple[float, float], table: str = "", index: str = "") -> None:
        """Let changes from now on wait this long: of all indexes, of a table's, or of one."""
        if not table:
            self._lag_s = lag_s
        for one in self._every(table, index):
            one.queue.lag_s = lag_s

    def pause(self, table: str = "", index: str = "") -> None:
        """Stop synchronisation: of all indexes, also of new ones, of a table's, or of one."""
        self._stopped = self._stopped or not table
        for one in self._every(table, index):
            one.catch_up()  # what is due is in the index, whether or not anyone has looked
            one.queue.paused = True

    def resume(self, table: str = "", index: str = "") -> None:
        """Go on after `pause`; what came due meanwhile is visible at once."""
        self._stopped = self._stopped and bool(table)
        for one in self._every(table, index):
            one.queue.paused = False

    # The API.

    def create_search_index(self, request: Any) -> Any:
        """CreateSearchIndex."""
        table, name = request.table_name, request.index_name
        self._rows.check_indexable(table)
        if name in self._indexes.get(table, {}):
            raise errors.ObjectAlreadyExist(f"Requested index [{name}] already exists.")
        definition = schema.from_request(request, self._clock())
        self._catalog.save_search_index(table, name, definition.description)
        self._add(table, name, definition).catch_up()
        return pb.CreateSearchIndexResponse()

    def list_search_index(self, request: Any) -> Any:
        """ListSearchIndex: of one table, or of all."""
        if request.table_name:
            self._rows.primary_key(request.table_name)
        response = pb.ListSearchIndexResponse()
        for index in self._every(request.table_name):
            response.indices.add(table_name=index.table, index_name=index.name)
        return response

    def describe_search_index(self, request: Any) -> Any:
        """DescribeSearchIndex, with how far the index has come."""
        index = self._index(request)
        index.catch_up()
        response = pb.DescribeSearchIndexResponse.FromString(index.definition.description)
        if request.include_sync_stat:
            until_s = 0.0 if index.is_full else index.queue.in_sync_until()
            response.sync_stat.sync_phase = pb.FULL if index.is_full else pb.INCR
            response.sync_stat.current_sync_timestamp = int(until_s * _NS)
        return response

    def update_search_index(self, request: Any) -> Any:
        """UpdateSearchIndex: only a time to live can be changed, and only to none."""
        self._index(request)
        schema.no_expiry(request)
        return pb.UpdateSearchIndexResponse()

    def delete_search_index(self, request: Any) -> Any:
        """DeleteSearchIndex."""
        index = self._index(request)
        self._catalog.drop_search_index(index.table, index.name)
        del self._indexes[index.table][index.name]
        return pb.DeleteSearchIndexResponse()

    def search(self, request: Any) -> Any:
        """Search."""
        index = self._index(request)
        index.catch_up()
        return search(request, index, self._rows)

    def compute_splits(self, request: Any) -> Any:
        """ComputeSplits."""
        options = request.search_index_splits_options
        given = request.HasField("search_index_splits_options") and options.HasField("index_name")
        refuse.unless(given, "[search index splits options] must not be null")
        try:
            self._rows.primary_key(request.table_name)
        except errors.ObjectNotExist as error:
            message = f"table [{request.table_name}] does not exist"
            raise errors.ParameterInvalid(message) from error
        index = self._indexes.get(request.table_name, {}).get(options.index_name)
        if index is None:
            raise errors.MetaNotMatch(f"search index [{options.index_name}] does not exist")
        return self._scans.compute_splits(index)

    def parallel_scan(self, request: Any) -> Any:
        """ParallelScan."""
        index = self._index(request)
        index.catch_up()
        return self._scans.scan(request, index)

    def _add(self, table: str, name: str, definition: schema.Definition) -> SearchIndex:
        index = SearchIndex(table, name, definition, self._rows, self._lag_s, self._clock)
        index.queue.paused = self._stopped
        self._indexes.setdefault(table, {})[name] = index
        return index

    def _every(self, table: str = "", name: str = "") -> Iterator[SearchIndex]:
        for one_table, indexes in self._indexes.items():
            if table in ("", one_table):
                yield from (one for one in indexes.values() if name in ("", one.name))

    def _index(self, request: Any) -> SearchIndex:
        self._rows.primary_key(request.table_name)
        found = self._indexes.get(request.table_name, {}).get(request.index_name)
        if found is None:
            message = f"Requested index [{request.index_name}] does not exist."
            raise errors.ObjectNotExist(message)
        return found
