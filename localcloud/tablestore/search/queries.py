"""Queries of search.proto to matching documents and their scores.

Each query type has one line in `_HANDLERS`: the fields of it that are honoured, and the function that
answers it. A type without a line, or a message with another field set, is refused.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search import (
    geo_queries,
    refuse,
    scoring,
    should_match,
    subqueries,
    text_queries,
    value_queries,
)
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.nested_query import nested
from tablestore_memory.localcloud.tablestore.search.vector_query import nearest, without_vectors


def evaluate(query: Any, searched: Searched) -> Hits:
    """The living documents that match. Raises ParameterInvalid, UnsupportOperation."""
    hits = _evaluate(query, searched)
    return hits.only(searched.alive[hits.ordinals])


def _evaluate(query: Any, searched: Searched) -> Hits:
    refuse.unless(query.HasField("type"), "A query has no type, or one that is not known.")
    if query.type not in _HANDLERS:
        raise refuse.unsupported(pb.QueryType.Name(query.type))
    honoured, handler = _HANDLERS[query.type]
    message = subqueries.message(query)
    refuse.all_but(message, honoured)
    hits = handler(message, searched)
    if "weight" in honoured and message.HasField("weight"):
        refuse.unless(message.weight > 0, "The weight of a query must be greater than 0.")
        return hits.times(message.weight)
    return hits


def _match_all(_: Any, searched: Searched) -> Hits:
    return searched.everything()


def _bool(query: Any, searched: Searched) -> Hits:
    below = searched.below()
    found = _required(query, below)
    should = [_evaluate(one, below.inside(found)) for one in query.should_queries]
    # Optional clauses are optional only beside others.
    least = should_match.least(query, len(should), 1 if should and found is None else 0)
    if least > 0 or should:
        optional = below.some_of(should, least)
        found = optional if found is None else below.both(found, optional)
    # With nothing to score by, what is not excluded scores alike.
    found = below.everything() if found is None else found
    for one in query.must_not_queries:
        found = below.without(found, _evaluate(one, below.inside(found)))
    return found


def _required(query: Any, searched: Searched) -> Hits | None:
    """What all clauses match that must, among what the filters let through, which give no score."""
    inside = searched
    found: Hits | None = None
    for one in _cheap_first(query.filter_queries):
        inside = inside.inside(_evaluate(one, inside))
    for one in _cheap_first(query.must_queries):
        hits = inside.let_through(_evaluate(one, inside))
        found = hits if found is None else inside.both(found, hits)
    return inside.everything_inside() if found is None and query.filter_queries else found


def _cheap_first(clauses: Iterable[Any]) -> list[Any]:
    return sorted(clauses, key=lambda clause: clause.type in _COSTLY)


def _vector(query: Any, searched: Searched) -> Hits:
    everywhere = searched.everywhere()
    allowed = everywhere.alive
    if query.HasField("filter"):
        hits = _evaluate(without_vectors(query.filter), everywhere.below())
        allowed = allowed & everywhere.flags(hits.ordinals)
    return nearest(query, allowed, everywhere)


def _nested(query: Any, searched: Searched) -> Hits:
    return nested(query, searched, evaluate)


def _function_score(query: Any, searched: Searched) -> Hits:
    return scoring.by_field(query, _evaluate(query.query, searched.below()), searched)


def _const_score(query: Any, searched: Searched) -> Hits:
    found = _evaluate(query.filter, searched.below())
    return searched.hits(found.ordinals)


def _dis_max(query: Any, searched: Searched) -> Hits:
    refuse.unless(len(query.queries) > 0, "A dis max query has one query or more.")
    below = searched.below()
    return scoring.best([_evaluate(one, below) for one in query.queries], query.tie_breaker, below)


# Worth asking last, of what others have left.
_COSTLY = (pb.MATCH_QUERY, pb.MATCH_PHRASE_QUERY, pb.BOOL_QUERY, pb.FUNCTION_SCORE_QUERY)

# `num_candidates` steers how exact the service's neighbours are; here they are exact already.
_HANDLERS: dict[int, tuple[str, Callable[[Any, Searched], Hits]]] = {
    pb.MATCH_ALL_QUERY: ("", _match_all),
    pb.TERM_QUERY: ("field_name term weight", value_queries.term),
    pb.TERMS_QUERY: ("field_name terms weight", value_queries.terms),
    pb.RANGE_QUERY: (
        "field_name range_from range_to include_lower include_upper",
        value_queries.range_,
    ),
    pb.PREFIX_QUERY: ("field_name prefix weight", value_queries.prefix),
    pb.WILDCARD_QUERY: ("field_name value weight", value_queries.wildcard),
    pb.EXISTS_QUERY: ("field_name", value_queries.exists),
    pb.MATCH_QUERY: (
        "field_name text operator weight minimum_should_match new_minimum_should_match",
        text_queries.match,
    ),
    pb.MATCH_PHRASE_QUERY: (
        "field_name text weight slop",
        text_queries.match_phrase,
    ),
    pb.BOOL_QUERY: (
        "must_queries must_not_queries filter_queries should_queries weight"
        " minimum_should_match new_minimum_should_match",
        _bool,
    ),
    pb.NESTED_QUERY: ("path query score_mode weight", _nested),
    pb.FUNCTION_SCORE_QUERY: ("query field_value_factor", _function_score),
    pb.CONST_SCORE_QUERY: ("filter", _const_score),
    pb.DIS_MAX_QUERY: ("queries tie_breaker weight", _dis_max),
    pb.GEO_DISTANCE_QUERY: (
        "field_name center_point distance",
        geo_queries.distance,
    ),
    pb.GEO_BOUNDING_BOX_QUERY: (
        "field_name top_left bottom_right",
        geo_queries.bounding_box,
    ),
    pb.GEO_POLYGON_QUERY: ("field_name points", geo_queries.polygon),
    pb.KNN_VECTOR_QUERY: (
        "field_name top_k float32_query_vector filter weight min_score num_candidates",
        _vector,
    ),
}
