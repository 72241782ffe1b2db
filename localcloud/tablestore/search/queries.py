"""Queries of search.proto to matching documents and their scores.

Each query type has one line in `_HANDLERS`: its message, the fields of it that are honoured, and the
function that answers it. A type without a line, or a message with another field set, is refused.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.messages import parse
from tablestore_memory.localcloud.tablestore.search import (
    refuse,
    should_match,
    text_queries,
    value_queries,
)
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.vector_query import nearest, without_vectors


def evaluate(query: Any, searched: Searched) -> Hits:
    """The living documents that match. Raises ParameterInvalid, UnsupportOperation."""
    hits, alive = _evaluate(query, searched), searched.alive
    return Hits(hits.mask & alive, np.where(alive, hits.scores, 0.0))


def _evaluate(query: Any, searched: Searched) -> Hits:
    refuse.unless(query.HasField("type"), "A query has no type, or one that is not known.")
    if query.type not in _HANDLERS:
        raise refuse.unsupported(pb.QueryType.Name(query.type))
    message_type, honoured, handler = _HANDLERS[query.type]
    message = parse(message_type, query.query)
    refuse.all_but(message, honoured)
    hits = handler(message, searched)
    if "weight" in honoured and message.HasField("weight"):
        refuse.unless(message.weight > 0, "The weight of a query must be greater than 0.")
        return Hits(hits.mask, hits.scores * message.weight)
    return hits


def _match_all(_: Any, searched: Searched) -> Hits:
    return searched.everything(score=1.0)


def _bool(query: Any, searched: Searched) -> Hits:
    inside = searched.below()
    must = [_evaluate(one, inside) for one in query.must_queries]
    should = [_evaluate(one, inside) for one in query.should_queries]
    filters = [_evaluate(one, inside).mask for one in query.filter_queries]
    excluded = [_evaluate(one, inside).mask for one in query.must_not_queries]
    # Optional clauses are optional only beside others.
    default = 1 if should and not must and not filters else 0
    wanted = inside.some_of(should, should_match.least(query, len(should), default))
    found = inside.all_of([*must, wanted])
    mask = found.mask
    for one in filters:
        mask = mask & one
    for one in excluded:
        mask = mask & ~one
    # With nothing to score by, what is not excluded scores alike.
    plain = 0.0 if must or should or filters else 1.0
    return Hits(mask, np.where(mask, found.scores + plain, 0.0))


def _vector(query: Any, searched: Searched) -> Hits:
    allowed = searched.everything(score=0.0)
    if query.HasField("filter"):
        allowed = _evaluate(without_vectors(query.filter), searched.below())
    return nearest(query, allowed, searched)


# `num_candidates` steers how exact the service's neighbours are; here they are exact already.
_HANDLERS: dict[int, tuple[Any, str, Callable[[Any, Searched], Hits]]] = {
    pb.MATCH_ALL_QUERY: (pb.MatchAllQuery, "", _match_all),
    pb.TERM_QUERY: (pb.TermQuery, "field_name term weight", value_queries.term),
    pb.TERMS_QUERY: (pb.TermsQuery, "field_name terms weight", value_queries.terms),
    pb.RANGE_QUERY: (
        pb.RangeQuery,
        "field_name range_from range_to include_lower include_upper",
        value_queries.range_,
    ),
    pb.PREFIX_QUERY: (pb.PrefixQuery, "field_name prefix weight", value_queries.prefix),
    pb.WILDCARD_QUERY: (pb.WildcardQuery, "field_name value weight", value_queries.wildcard),
    pb.EXISTS_QUERY: (pb.ExistsQuery, "field_name", value_queries.exists),
    pb.MATCH_QUERY: (
        pb.MatchQuery,
        "field_name text operator weight minimum_should_match new_minimum_should_match",
        text_queries.match,
    ),
    pb.MATCH_PHRASE_QUERY: (
        pb.MatchPhraseQuery,
        "field_name text weight slop",
        text_queries.match_phrase,
    ),
    pb.BOOL_QUERY: (
        pb.BoolQuery,
        "must_queries must_not_queries filter_queries should_queries weight"
        " minimum_should_match new_minimum_should_match",
        _bool,
    ),
    pb.KNN_VECTOR_QUERY: (
        pb.KnnVectorQuery,
        "field_name top_k float32_query_vector filter weight min_score num_candidates",
        _vector,
    ),
}
