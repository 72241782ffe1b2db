"""A query of the rows inside a NESTED field: documents of which one of these rows matches."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search import arrays
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched

Evaluate = Callable[[Any, Searched], Hits]


def nested(query: Any, searched: Searched, evaluate: Evaluate) -> Hits:
    """The documents, scored by their matching rows as the query's mode says."""
    level = searched.level.children(query.path)
    hits = evaluate(query.query, Searched(level, searched.depth).below())
    parents = level.ancestors(hits.ordinals, searched.level)
    found, places = np.unique(parents, return_inverse=True)
    mode = query.score_mode if query.HasField("score_mode") else pb.SCORE_MODE_NONE
    return Hits(found, _scores(hits.scores, places, len(found), mode))


def _scores(scores: arrays.Scores, places: Any, size: int, mode: int) -> arrays.Scores:
    if mode == pb.SCORE_MODE_NONE:
        return np.zeros(size, dtype=np.float64)
    if mode in (pb.SCORE_MODE_TOTAL, pb.SCORE_MODE_AVG):
        count = np.bincount(places, minlength=size) if mode == pb.SCORE_MODE_AVG else 1
        return np.bincount(places, scores, size) / count
    best = np.maximum if mode == pb.SCORE_MODE_MAX else np.minimum
    chosen: arrays.Scores = np.full(size, -np.inf if mode == pb.SCORE_MODE_MAX else np.inf)
    best.at(chosen, places, scores)
    return chosen
