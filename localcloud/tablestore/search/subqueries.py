"""The queries inside a query, of whatever type it is."""

from collections.abc import Iterator
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.messages import parse

MESSAGES: dict[int, Any] = {
    pb.MATCH_ALL_QUERY: pb.MatchAllQuery,
    pb.TERM_QUERY: pb.TermQuery,
    pb.TERMS_QUERY: pb.TermsQuery,
    pb.RANGE_QUERY: pb.RangeQuery,
    pb.PREFIX_QUERY: pb.PrefixQuery,
    pb.WILDCARD_QUERY: pb.WildcardQuery,
    pb.EXISTS_QUERY: pb.ExistsQuery,
    pb.MATCH_QUERY: pb.MatchQuery,
    pb.MATCH_PHRASE_QUERY: pb.MatchPhraseQuery,
    pb.BOOL_QUERY: pb.BoolQuery,
    pb.NESTED_QUERY: pb.NestedQuery,
    pb.FUNCTION_SCORE_QUERY: pb.FunctionScoreQuery,
    pb.CONST_SCORE_QUERY: pb.ConstScoreQuery,
    pb.DIS_MAX_QUERY: pb.DisMaxQuery,
    pb.GEO_DISTANCE_QUERY: pb.GeoDistanceQuery,
    pb.GEO_BOUNDING_BOX_QUERY: pb.GeoBoundingBoxQuery,
    pb.GEO_POLYGON_QUERY: pb.GeoPolygonQuery,
    pb.KNN_VECTOR_QUERY: pb.KnnVectorQuery,
}


def message(query: Any) -> Any:
    """What the query says. Raises ParameterInvalid; the type must be one of `MESSAGES`."""
    return parse(MESSAGES[query.type], query.query)


def directly_in(query: Any) -> Iterator[tuple[str, Any]]:
    """The queries that this one is made of, each with the name of the field it stands in."""
    said = message(query)
    for field, value in said.ListFields():
        if field.message_type is pb.Query.DESCRIPTOR:
            repeated = field.label == field.LABEL_REPEATED
            yield from ((field.name, one) for one in (value if repeated else (value,)))
