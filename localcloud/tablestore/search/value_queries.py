"""Queries for values as they stand: term, terms, range, prefix, wildcard, exists.

On a TEXT field they see its tokens, not its text.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.plainbuffer import decode_value
from tablestore_memory.localcloud.tablestore.search import bm25, refuse, values
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched
from tablestore_memory.localcloud.tablestore.search.numbers import Numbers
from tablestore_memory.localcloud.tablestore.search.schema import Field
from tablestore_memory.localcloud.tablestore.search.terms import KeywordTerms, TextTerms

IsMeant = Callable[[str], bool]
MAX_TERMS = 1024
MAX_PREFIX_BYTES = 1000
MAX_WILDCARD = 32  # characters


def term(query: Any, searched: Searched) -> Hits:
    """Documents that hold the value."""
    field, _ = searched.field(query.field_name)
    return having(field, _value(field, query.term), searched)


def having(field: Field, value: values.Indexed, searched: Searched) -> Hits:
    """Documents that hold the value; of strings, the rarer the better."""
    index = searched.level.index(field.name)
    if isinstance(index, KeywordTerms | TextTerms):
        found = index.documents(str(value))
        rare = bm25.rarity(found, searched.alive)
        if isinstance(index, KeywordTerms):
            return searched.hits(found, rare)
        worth = searched.worth(found)
        found, often = found[worth], index.frequencies(str(value))[worth]
        lengths = searched.lengths(field.name, index)
        return searched.hits(found, bm25.weigh(found, often, rare, lengths))
    if not isinstance(index, Numbers) or not isinstance(value, int | float):
        raise errors.ParameterInvalid(f"This query does not work on {field}.")
    return searched.any_of(index.documents(value))


def terms(query: Any, searched: Searched) -> Hits:
    """Documents that hold any of the values."""
    field, index = searched.field(query.field_name)
    refuse.unless(0 < len(query.terms) <= MAX_TERMS, f"A terms query has 1 to {MAX_TERMS} terms.")
    wanted = {_value(field, raw) for raw in query.terms}
    if isinstance(index, Numbers):
        return searched.any_of(index.holders()[np.isin(index.values(), np.array(list(wanted)))])
    return _any_of(wanted, field, searched)


def range_(query: Any, searched: Searched) -> Hits:
    """Documents that hold a value between the bounds."""
    field, index = searched.field(query.field_name)
    some = query.HasField("range_from") or query.HasField("range_to")
    refuse.unless(some, "A range query needs range_from or range_to.")
    lower, upper = _bound(field, query, "range_from"), _bound(field, query, "range_to")
    # Booleans are numbers here, yet the service knows no range of them.
    if isinstance(index, Numbers) and field.kind != pb.BOOLEAN:
        return searched.any_of(index.holders()[_inside(index.values(), lower, upper, query)])
    if not isinstance(index, KeywordTerms):
        raise errors.ParameterInvalid(f"A range query does not work on {field}.")
    found = [one for one in index.terms() if _between(one, lower, upper, query)]
    return _any_of(found, field, searched)


def prefix(query: Any, searched: Searched) -> Hits:
    """Documents that hold a string that begins so."""
    fits = len(query.prefix.encode()) <= MAX_PREFIX_BYTES
    refuse.unless(fits, f"A prefix has at most {MAX_PREFIX_BYTES} bytes.")
    field, strings = _strings(query.field_name, searched)
    is_meant = has_prefix(query, field)
    return _any_of([one for one in strings if is_meant(one)], field, searched)


def wildcard(query: Any, searched: Searched) -> Hits:
    """Documents that hold a string of this form: * is any characters, ? is one."""
    fits = len(query.value) <= MAX_WILDCARD
    refuse.unless(fits, f"A wildcard query has at most {MAX_WILDCARD} characters.")
    field, strings = _strings(query.field_name, searched)
    is_meant = fits_wildcard(query, field)
    return _any_of([one for one in strings if is_meant(one)], field, searched)


def exists(query: Any, searched: Searched) -> Hits:
    """Documents that have the field."""
    _, index = searched.field(query.field_name)
    return searched.any_of(index.holders())


# Which strings a query means; highlighting asks as well.


def is_term(query: Any, field: Field) -> IsMeant:
    return {_value(field, query.term)}.__contains__


def is_one_of(query: Any, field: Field) -> IsMeant:
    return {_value(field, raw) for raw in query.terms}.__contains__


def has_prefix(query: Any, _: Field) -> IsMeant:
    prefix = query.prefix
    return lambda string: string.startswith(prefix)


def fits_wildcard(query: Any, _: Field) -> IsMeant:
    # A bracket stands for itself.
    pattern = re.compile(fnmatch.translate(query.value.replace("[", "[[]")))
    return lambda string: pattern.match(string) is not None


def _any_of(wanted: Iterable[values.Indexed], field: Field, searched: Searched) -> Hits:
    index = searched.level.index(field.name)
    if not isinstance(index, KeywordTerms | TextTerms):
        raise errors.ParameterInvalid(f"This query does not work on {field}.")
    found = [index.documents(str(value)) for value in wanted]
    return searched.any_of(np.concatenate(found)) if found else searched.nothing()


def _strings(name: str, searched: Searched) -> tuple[Field, Iterable[str]]:
    field, index = searched.field(name)
    if not isinstance(index, KeywordTerms | TextTerms):
        raise errors.ParameterInvalid(f"This query works on KEYWORD and TEXT, not on {field}.")
    return field, index.terms()


def _value(field: Field, raw: bytes) -> values.Indexed:
    return values.queried(field, decode_value(raw))


def _bound(field: Field, query: Any, name: str) -> Any:
    return _value(field, getattr(query, name)) if query.HasField(name) else None


def _inside(found: Any, lower: float | None, upper: float | None, query: Any) -> Any:
    inside = np.ones(len(found), dtype=np.bool_)
    if lower is not None:
        inside &= (found >= lower) if query.include_lower else (found > lower)
    if upper is not None:
        inside &= (found <= upper) if query.include_upper else (found < upper)
    return inside


def _between(value: str, lower: str | None, upper: str | None, query: Any) -> bool:
    if lower is not None and (value < lower or (value == lower and not query.include_lower)):
        return False
    return upper is None or value < upper or (value == upper and query.include_upper)
