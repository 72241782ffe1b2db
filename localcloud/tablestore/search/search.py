"""One Search request: query, order, page, columns, aggregations, response."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.contract import Rows
from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_row, encode_row, with_header
from tablestore_memory.localcloud.tablestore.search import arrays, columns, paging, refuse
from tablestore_memory.localcloud.tablestore.search.aggregations import Found, aggregate
from tablestore_memory.localcloud.tablestore.search.collapse import collapsed
from tablestore_memory.localcloud.tablestore.search.group_kinds import kinds
from tablestore_memory.localcloud.tablestore.search.groups import check, group
from tablestore_memory.localcloud.tablestore.search.highlight import Highlighter
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.index import SearchIndex
from tablestore_memory.localcloud.tablestore.search.queries import evaluate
from tablestore_memory.localcloud.tablestore.search.sorting import Order
from tablestore_memory.localcloud.tablestore.search.vector_query import raise_top_k

DEFAULT_LIMIT = 10
MAX_WINDOW = 100_000  # offset + limit; further on goes by token
_NOT_COUNTED = -1


def search(request: Any, index: SearchIndex, rows: Rows) -> Any:
    """The SearchResponse. Raises ParameterInvalid, UnsupportOperation."""
    # A stand-in has one partition and no deadline: a timeout is accepted, and never met.
    refuse.all_but(
        request, "table_name index_name columns_to_get search_query routing_values timeout_ms"
    )
    _check_routing(request, index)
    query = parse(pb.SearchQuery, request.search_query)
    projection = columns.projection(request.columns_to_get, index.definition, index.primary_key)
    return _Search(query, projection, index, rows).response()


class _Search:
    """A request at work."""

    def __init__(
        self, query: Any, projection: columns.Projection, index: SearchIndex, rows: Rows
    ) -> None:
        self._query, self._index = query, index
        self._encode = partial(_encoded, projection, index, rows)
        self._offset, self._limit = _window(query, projection.max_limit)
        self._sort, self._after = _sort(query, index)
        self._is_raised = raise_top_k(query)
        self._highlighter = Highlighter(query, index.documents)
        self._hits = evaluate(query.query, Searched(index.documents))
        self._scores = np.zeros(index.documents.size, dtype=np.float64)
        self._scores[self._hits.ordinals] = self._hits.scores

    def response(self) -> Any:
        total = len(self._hits.ordinals) if self._query.get_total_count else _NOT_COUNTED
        response = pb.SearchResponse(total_hits=total, is_all_succeed=True)
        order = self._order(self._sort)
        page = self._page(order)
        self._add_rows(response, page, order)
        if self._goes_on(page):
            response.next_token = paging.encode_token(self._sort, order.places(page.ordinals[-1]))
        self._summarize(response)
        return response

    def _goes_on(self, page: paging.Page) -> bool:
        """Whether there is a next page, or the service would say so."""
        # An index with a nested field has no order of its own to go on in.
        if not page.ordinals or not self._sort.sorter:
            return False
        return page.has_more or (self._is_raised and len(page.ordinals) == self._limit)

    def _order(self, sort: Any) -> Order:
        return Order(sort, self._index.documents, self._scores)

    def _page(self, order: Order) -> paging.Page:
        found = self._hits.ordinals
        if self._query.HasField("collapse"):
            refuse.unless(not self._query.token, "collapse and token cannot be used together.")
            kept = collapsed(found, order, self._query.collapse.field_name, self._index.documents)
            return paging.Page(kept[self._offset : self._offset + self._limit], has_more=False)
        return paging.page(found, order, after=self._after, offset=self._offset, limit=self._limit)

    def _add_rows(self, response: Any, page: paging.Page, order: Order) -> None:
        """Add the rows of the page, each with its hit."""
        for ordinal, row in zip(page.ordinals, self._encode(page.ordinals), strict=True):
            if row is None:
                continue
            response.rows.append(row)
            score = float(self._scores[ordinal]) if order.by_score else math.nan
            hit = response.search_hits.add(score=score)
            self._highlighter.highlight(ordinal, hit.highlight_result)

    def _summarize(self, response: Any) -> None:
        found = Found(self._index.documents, self._hits.ordinals, self._top_rows)
        if self._query.HasField("aggs"):
            response.aggs = aggregate(self._query.aggs, found).SerializeToString()
        if self._query.HasField("group_bys"):
            known = kinds(self._ordinals)
            check(self._query.group_bys, known)
            response.group_bys = group(self._query.group_bys, found, known).SerializeToString()

    def _ordinals(self, query: Any) -> arrays.Ordinals:
        found: Hits = evaluate(query, Searched(self._index.documents))
        return found.ordinals

    def _top_rows(self, sort: Any, ordinals: arrays.Ordinals, limit: int) -> list[bytes]:
        """The first of these documents, encoded, in the order of the sort."""
        order = self._order(sort if sort.sorter else self._index.definition.index_sort)
        page = paging.page(ordinals, order, after=None, offset=0, limit=limit)
        return [row for row in self._encode(page.ordinals) if row is not None]


def _encoded(
    projection: columns.Projection, index: SearchIndex, rows: Rows, ordinals: Sequence[int]
) -> list[bytes | None]:
    """Documents as the rows that are asked for; None for one that is gone from the table."""
    if projection.is_of_the_table:
        keys = [index.documents.keys[ordinal] for ordinal in ordinals]
        found = rows.shown(index.table, keys, projection.names or ())
        return [bare and with_header([bare]) for bare in found]
    return [_as_indexed(projection, index, rows, ordinal) for ordinal in ordinals]


def _as_indexed(
    projection: columns.Projection, index: SearchIndex, rows: Rows, ordinal: int
) -> bytes:
    found = projection.columns(ordinal, index.documents, rows, index.table)
    cells = [(name, value, None) for name, value in found.items()]
    return encode_row(columns.named(index.primary_key, index.documents.keys[ordinal]), cells)


def _window(query: Any, max_limit: int) -> tuple[int, int]:
    offset = query.offset
    limit = query.limit if query.HasField("limit") else DEFAULT_LIMIT
    refuse.unless(offset >= 0, "offset must not be negative.")
    refuse.unless(0 <= limit <= max_limit, f"limit must be 0 to {max_limit}, not {limit}.")
    fits = offset + limit <= MAX_WINDOW
    refuse.unless(fits, f"offset + limit must be at most {MAX_WINDOW}.")
    refuse.unless(not (query.token and offset), "offset and token cannot be used together.")
    return offset, limit


def _sort(query: Any, index: SearchIndex) -> tuple[Any, list[Any] | None]:
    """The sort asked for, or the token's: a later page goes on in the order of the first."""
    if query.token:
        return paging.decode_token(query.token)
    return (query.sort if query.sort.sorter else index.definition.index_sort), None


def _check_routing(request: Any, index: SearchIndex) -> None:
    """Routing keys only say where to look; with one partition that is everywhere."""
    expected = list(index.definition.routing_fields)
    for value in request.routing_values:
        names = [name for name, _ in decode_row(value).key]
        if names != expected:
            raise errors.ParameterInvalid(f"Routing keys {names} are not {expected}.")
