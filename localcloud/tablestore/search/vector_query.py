"""The nearest neighbours of a vector, among the documents that a filter lets through."""

from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays, refuse, subqueries
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.vectors import Vectors

MAX_TOP_K = 1000


def nearest(query: Any, allowed: arrays.Mask, searched: Searched) -> Hits:
    """The `top_k` of the allowed documents nearest to the vector, scored above `min_score`."""
    field, index = searched.field(query.field_name)
    if not isinstance(index, Vectors):
        raise errors.ParameterInvalid(f"A vector query does not work on {field}.")
    vector = np.array(query.float32_query_vector, dtype=np.float32)
    fits = len(vector) == field.dimension
    refuse.unless(fits, f"The query has {len(vector)} dimensions, {field} has {field.dimension}.")
    refuse.unless(bool(np.isfinite(vector).all()), "The query's vector has a NaN or an infinity.")
    refuse.unless(0 < query.top_k <= MAX_TOP_K, f"top_k must be 1 to {MAX_TOP_K}.")
    refuse.unless(query.min_score >= 0, "min_score must not be negative.")

    found, scores = index.nearness(vector, allowed)
    if query.min_score:
        found, scores = found[scores > query.min_score], scores[scores > query.min_score]
    if len(found) > query.top_k:
        best = np.sort(np.argpartition(-scores, query.top_k - 1)[: query.top_k])
        found, scores = found[best], scores[best]
    return searched.hits(found, scores)


def raise_top_k(search_query: Any) -> bool:
    """Let a vector query that is the whole of a search find as many as its limit asks for.

    Returns whether that is more than its top_k. Sources: Tablestore documentation, "Use KNN vector
    query" (of 2025; the pages of some SDKs leave it out); the tests of the official SDK.
    """
    query = search_query.query
    if query.type != pb.KNN_VECTOR_QUERY or not search_query.HasField("limit"):
        return False
    said = subqueries.message(query)
    if not 0 < said.top_k < search_query.limit:
        return False
    said.top_k = search_query.limit
    query.query = said.SerializeToString()
    return True


def without_vectors(query: Any) -> Any:
    """The query itself. Raises ParameterInvalid if a vector query is in it, however deep."""
    refuse.unless(query.type != pb.KNN_VECTOR_QUERY, "The filter of a vector query has another.")
    if query.type in subqueries.MESSAGES:
        for _, clause in subqueries.directly_in(query):
            without_vectors(clause)
    return query
