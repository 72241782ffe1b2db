"""One Search request: query, order, page, columns, response."""

import math
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.contract import Rows
from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_row, encode_row
from tablestore_memory.localcloud.tablestore.search import columns, paging, refuse
from tablestore_memory.localcloud.tablestore.search.hits import Searched
from tablestore_memory.localcloud.tablestore.search.index import SearchIndex
from tablestore_memory.localcloud.tablestore.search.queries import evaluate
from tablestore_memory.localcloud.tablestore.search.sorting import Order

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
    refuse.all_but(query, "offset limit query sort get_total_count token")
    projection = columns.projection(request.columns_to_get, index.definition, index.primary_key)
    offset, limit = _window(query, projection.max_limit)
    sort, after = _sort(query, index)

    hits = evaluate(query.query, Searched(index.documents, index.definition))
    scores = np.zeros(index.documents.size, dtype=np.float64)
    scores[hits.ordinals] = hits.scores
    order = Order(sort, index.definition, index.documents, scores)
    page = paging.page(hits.ordinals, order, after=after, offset=offset, limit=limit)

    total = len(hits.ordinals) if query.get_total_count else _NOT_COUNTED
    response = pb.SearchResponse(total_hits=total, is_all_succeed=True)
    _add_rows(response, page, order, scores, projection, index, rows)
    if page.has_more and page.ordinals:
        response.next_token = paging.encode_token(sort, order.places(page.ordinals[-1]))
    return response


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


def _add_rows(
    response: Any,
    page: paging.Page,
    order: Order,
    scores: Any,
    projection: columns.Projection,
    index: SearchIndex,
    rows: Rows,
) -> None:
    """Add the rows of the page, each with its hit."""
    for ordinal in page.ordinals:
        found = projection.columns(ordinal, index.documents, rows, index.table)
        if found is None:
            continue
        key = columns.named(index.primary_key, index.documents.keys[ordinal])
        cells = [(name, value, None) for name, value in found.items()]
        response.rows.append(encode_row(key, cells))
        response.search_hits.add(score=float(scores[ordinal]) if order.by_score else math.nan)
