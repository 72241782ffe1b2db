"""Queries that only change the scores of others: by a field's value, the best of several."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays, refuse
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers


def by_field(query: Any, hits: Hits, searched: Searched) -> Hits:
    """The hits, each score times the number in a field; a document without it keeps its score."""
    field, index = searched.field(query.field_value_factor.field_name)
    if not isinstance(index, Numbers) or field.is_array:
        raise errors.ParameterInvalid(f"No score comes from {field}: it takes a single number.")
    factors = np.ones(searched.size, dtype=np.float64)
    factors[index.holders()] = index.values()
    factors = factors[hits.ordinals]
    refuse.unless(bool((factors >= 0).all()), f"A score cannot come from a negative {field}.")
    return Hits(hits.ordinals, hits.scores * factors)


def best(clauses: Sequence[Hits], tie_breaker: float, searched: Searched) -> Hits:
    """What any clause matches, with its best score and a share of the others."""
    refuse.unless(0 <= tie_breaker <= 1, "The tie_breaker of a dis max query is 0 to 1.")
    total: arrays.Scores = np.zeros(searched.size)
    highest: arrays.Scores = np.zeros(searched.size)
    for clause in clauses:
        total[clause.ordinals] += clause.scores
        highest[clause.ordinals] = np.maximum(highest[clause.ordinals], clause.scores)
    found = searched.some_of(clauses, 1).ordinals
    return Hits(found, highest[found] + tie_breaker * (total[found] - highest[found]))
