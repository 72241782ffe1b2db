"""Full text: match and match phrase. On a field that is not TEXT both are term queries."""

from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search import (
    bm25,
    phrases,
    refuse,
    should_match,
    values,
)
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.terms import TextTerms
from tablestore_memory.localcloud.tablestore.search.value_queries import having


def match(query: Any, searched: Searched) -> Hits:
    """Documents that hold the words of the text: any, all, or so many of them."""
    field, index = searched.field(query.field_name)
    if not isinstance(index, TextTerms):
        return having(field, values.queried(field, query.text), searched)
    words = dict.fromkeys(word for word, _ in index.analyzer.tokens(query.text))
    clauses = [having(field, word, searched) for word in words]
    if not clauses:
        return searched.nothing()
    if query.operator == pb.AND:
        should_match.least(query, len(clauses), 1)  # refused if it makes no sense, else no matter
        return searched.all_of(clauses)
    return searched.some_of(clauses, should_match.least(query, len(clauses), 1))


def match_phrase(query: Any, searched: Searched) -> Hits:
    """Documents where the words stand together, in order, at most `slop` places apart."""
    field, index = searched.field(query.field_name)
    if not isinstance(index, TextTerms):
        return having(field, values.queried(field, query.text), searched)
    refuse.unless(query.slop >= 0, "The slop of a phrase must not be negative.")
    phrase = index.analyzer.phrase(query.text)
    if not phrase:
        return searched.nothing()
    documents, often = phrases.occurrences(index, phrase, query.slop)
    found = documents.astype(np.uint32)
    worth = searched.worth(found)
    found, often = found[worth], often[worth]
    rare = sum(bm25.rarity(index.documents(word), searched.alive) for word, _ in phrase)
    return searched.hits(found, bm25.weigh(found, often, rare, searched.lengths(field.name, index)))
