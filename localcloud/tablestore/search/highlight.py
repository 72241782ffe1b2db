"""Summaries: the parts of a text that a query's words stand in, with a tag before and after each.

A text is cut into parts of the same length, and a word that a cut goes through is not marked. Words
count if a query for the field names them: match, match phrase, term, terms, prefix and wildcard,
however deep in a bool query or one that changes scores, but not where they must not be.
Sources: Tablestore documentation, "Highlight the query results", "HighlightParameter".
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import refuse, subqueries, value_queries, values
from tablestore_memory.localcloud.tablestore.search.documents import Documents
from tablestore_memory.localcloud.tablestore.search.schema import Field, queryable
from tablestore_memory.localcloud.tablestore.search.value_queries import IsMeant

DEFAULT_FRAGMENT_SIZE = 100
MAX_FRAGMENTS = 100  # of our own choosing
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "/": "&#x2F;"}
)

Span = tuple[int, int]


class _Fragment(NamedTuple):
    place: int
    marks: int  # how many words are marked in it
    text: str


class Highlighter:
    """What a search wants highlighted; nothing if it says nothing of it."""

    def __init__(self, search_query: Any, documents: Documents) -> None:
        """Raises ParameterInvalid for a field that is not made for it."""
        self._documents = documents
        asked = search_query.highlight
        refuse.all_but(asked, "highlight_parameters highlight_encoder")
        self._escape = asked.highlight_encoder == pb.HTML_MODE
        self._parameters = [(_field(one, documents), one) for one in asked.highlight_parameters]
        self._wanted = [list(_words(search_query.query, field)) for field, _ in self._parameters]

    def highlight(self, ordinal: int, result: Any) -> None:
        """Add the fragments of each field that has any to the HighlightResult."""
        columns = self._documents.columns[ordinal]
        for (field, asked), wanted in zip(self._parameters, self._wanted, strict=True):
            texts = values.indexed(field, columns[field.name]) if field.name in columns else []
            found = [
                one for text in texts for one in self._fragments(str(text), field, asked, wanted)
            ]
            if chosen := _chosen(found, asked):
                result.highlight_fields.add(field_name=field.name, field_fragments=chosen)

    def _fragments(
        self, text: str, field: Field, asked: Any, wanted: list[IsMeant]
    ) -> Iterator[_Fragment]:
        spans = _spans(text, field, wanted)
        size = asked.fragment_size if asked.HasField("fragment_size") else DEFAULT_FRAGMENT_SIZE
        for start in range(0, len(text), size):
            end = min(start + size, len(text))
            inside = [span for span in spans if start <= span[0] and span[1] <= end]
            if inside:
                marked = self._marked(text, start, end, inside, asked)
                yield _Fragment(start, len(inside), marked)

    def _marked(self, text: str, start: int, end: int, spans: list[Span], asked: Any) -> str:
        before = asked.pre_tag if asked.HasField("pre_tag") else "<em>"
        after = asked.post_tag if asked.HasField("post_tag") else "</em>"
        parts, place = [], start
        for first, last in spans:
            parts += [self._plain(text[place:first]), before, self._plain(text[first:last]), after]
            place = last
        return "".join([*parts, self._plain(text[place:end])])

    def _plain(self, text: str) -> str:
        return text.translate(_ESCAPES) if self._escape else text


def _field(asked: Any, documents: Documents) -> Field:
    field = queryable(documents.fields, asked.field_name)
    if not field.highlighted:
        raise errors.ParameterInvalid(f"highlighting is not supported for field[{field.name}]")
    fits = not asked.HasField("fragment_size") or asked.fragment_size > 0
    refuse.unless(fits, "The fragment_size must be greater than 0.")
    fits = (
        not asked.HasField("number_of_fragments") or 0 < asked.number_of_fragments <= MAX_FRAGMENTS
    )
    refuse.unless(fits, f"The number_of_fragments is 1 to {MAX_FRAGMENTS}.")
    return field


def _chosen(fragments: list[_Fragment], asked: Any) -> list[str]:
    """The fragments with the most words, in the order of the text or of their words."""
    number = asked.number_of_fragments if asked.HasField("number_of_fragments") else 1
    best = sorted(fragments, key=lambda one: -one.marks)[:number]
    if asked.fragments_order != pb.SCORE:
        best.sort(key=lambda one: one.place)
    return [one.text for one in best]


def _spans(text: str, field: Field, wanted: list[IsMeant]) -> list[Span]:
    """Where the wanted words stand; those that overlap are one."""
    spans: list[Span] = []
    for term, start, end in field.analyzer.spans(text) if field.analyzer else ():
        if not any(is_wanted(term) for is_wanted in wanted):
            continue
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _words(query: Any, field: Field) -> Iterator[IsMeant]:
    """The words that the query looks for in the field."""
    if query.type not in subqueries.MESSAGES:
        return
    said = subqueries.message(query)
    if query.type in _WANTED and said.field_name == field.name:
        yield _WANTED[query.type](said, field)
    for name, inside in subqueries.directly_in(query):
        if name != "must_not_queries" and query.type != pb.NESTED_QUERY:
            yield from _words(inside, field)


def _tokens(said: Any, field: Field) -> IsMeant:
    terms = {token[0] for token in field.analyzer.tokens(said.text)} if field.analyzer else set()
    return terms.__contains__


_WANTED: dict[int, Callable[[Any, Field], IsMeant]] = {
    pb.MATCH_QUERY: _tokens,
    pb.MATCH_PHRASE_QUERY: _tokens,
    pb.TERM_QUERY: value_queries.is_term,
    pb.TERMS_QUERY: value_queries.is_one_of,
    pb.PREFIX_QUERY: value_queries.has_prefix,
    pb.WILDCARD_QUERY: value_queries.fits_wildcard,
}
