"""Text to tokens: single word, max word, min word, split and fuzzy.

A token is (term, position), a span (term, start, end) in characters. Index and query use the same
analyzer, so what is found does not depend on who cut the words. Chinese words come from the
dictionary of rjieba; a character in no word is a token of its own (docs/decisions/search-index.md).
Source: Tablestore documentation, "Tokenization".
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.messages import parse

Token = tuple[str, int]
Span = tuple[str, int, int]
_Cut = tuple[str, int, int]  # a term, its position, and the character at which it starts

# Han, kana, compatibility ideographs, the ideographic planes: written without spaces.
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNITS = re.compile(f"[{_SPACELESS}]|[^\\W_{_SPACELESS}]+")
_RUNS = re.compile(f"([{_SPACELESS}]+)|[^\\W_{_SPACELESS}]+")
_LETTERS_OR_DIGITS = re.compile(r"\d+|\D+")
_FUZZY_MAX_TEXT = 1024  # characters; the service drops the rest


@dataclass(frozen=True)
class Analyzer:
    """How one TEXT field is cut, for the index and for a phrase."""

    _cut: Callable[[str], Iterable[_Cut]]
    _cut_phrase: Callable[[str], Iterable[_Cut]]

    def tokens(self, text: str) -> list[Token]:
        return [(term, position) for term, position, _ in self._cut(text)]

    def phrase(self, text: str) -> list[Token]:
        return [(term, position) for term, position, _ in self._cut_phrase(text)]

    def spans(self, text: str) -> list[Span]:
        """Where each term stands, in order."""
        return sorted(
            ((term, start, start + len(term)) for term, _, start in self._cut(text)),
            key=lambda span: span[1:],
        )


def analyzer(name: str, parameter: bytes) -> Analyzer:
    """The named analyzer. Raises ParameterInvalid for a name or parameter the service lacks."""
    if name not in _ANALYZERS:
        raise errors.ParameterInvalid(f"Unknown analyzer [{name}].")
    return _ANALYZERS[name](parameter)


def _single_word(parameter: bytes) -> Analyzer:
    options = parse(pb.SingleWordAnalyzerParameter, parameter)
    cut = partial(
        _cut_units, case_sensitive=options.case_sensitive, delimit_word=options.delimit_word
    )
    return Analyzer(cut, cut)


def _split(parameter: bytes) -> Analyzer:
    delimiter = parse(pb.SplitAnalyzerParameter, parameter).delimiter or " "
    cut = partial(_cut_at, delimiter=delimiter)
    return Analyzer(cut, cut)


def _fuzzy(parameter: bytes) -> Analyzer:
    options = parse(pb.FuzzyAnalyzerParameter, parameter)
    least, most = options.min_chars or 1, options.max_chars or 7
    if not 1 <= least <= most:
        raise errors.ParameterInvalid(f"min_chars {least} and max_chars {most} do not fit.")
    return Analyzer(
        partial(_grams, least=least, most=most), partial(_windows, least=least, most=most)
    )


def _cut_units(text: str, *, case_sensitive: bool, delimit_word: bool) -> Iterator[_Cut]:
    """Words, and each character of what is written without spaces."""
    found = _UNITS.finditer(text if case_sensitive else text.lower())
    units = ((unit[0], unit.start()) for unit in found)
    if delimit_word:
        units = (
            (part[0], start + part.start())
            for unit, start in units
            for part in _LETTERS_OR_DIGITS.finditer(unit)
        )
    return ((unit, position, start) for position, (unit, start) in enumerate(units))


def _cut_at(text: str, *, delimiter: str) -> Iterator[_Cut]:
    position, start = 0, 0
    for part in text.lower().split(delimiter):
        if term := part.strip():
            yield term, position, start + part.index(term)
            position += 1
        start += len(part) + len(delimiter)


def _cut_words(text: str, *, words: Callable[[str], Iterator[Token]]) -> Iterator[_Cut]:
    """Words where there are spaces, `words` of the runs between where there are none."""
    position = 0
    for run in _RUNS.finditer(text.lower()):
        if run[1]:
            for word, start in words(run[1]):
                yield word, position + start, run.start() + start
            position += len(run[1])
        else:
            yield run[0], position, run.start()
            position += 1


def _shortest_cut(run: str) -> Iterator[Token]:
    """The fewest words, none overlapping."""
    start = 0
    for word in _rjieba().cut(run, False):
        yield word, start
        start += len(word)


def _every_word(run: str) -> Iterator[Token]:
    """Every word of the dictionary in the run; a lone character only where no word covers it."""
    words = [(word, start) for word, start in _occurrences(run) if len(word) > 1]
    covered = {at for word, start in words for at in range(start, start + len(word))}
    words += [(run[at], at) for at in range(len(run)) if at not in covered]
    yield from sorted(words, key=lambda token: (token[1], len(token[0])))


def _occurrences(run: str) -> Iterator[Token]:
    """rjieba names the words by where they start, shorter ones first, without saying where."""
    start, last = 0, 0
    for word in _rjieba().cut_all(run):
        start = run.index(word, start + 1 if len(word) <= last else start)
        last = len(word)
        yield word, start


@cache
def _rjieba() -> Any:
    """Imported when a text first needs it: it reads its dictionary then, for half a second."""
    return importlib.import_module("rjieba")


def _grams(text: str, *, least: int, most: int) -> list[_Cut]:
    text = text[:_FUZZY_MAX_TEXT].lower()
    return [
        (text[start : start + size], start, start)
        for start in range(len(text))
        for size in range(least, min(most, len(text) - start) + 1)
    ]


def _windows(text: str, *, least: int, most: int) -> list[_Cut]:
    """The longest grams of the text: together, in their places, they say that it is contained."""
    text = text.lower()
    if len(text) < least:
        return []
    size = min(most, len(text))
    return [(text[start : start + size], start, start) for start in range(len(text) - size + 1)]


def _max_word(_: bytes) -> Analyzer:
    cut = partial(_cut_words, words=_every_word)
    return Analyzer(cut, cut)


def _min_word(_: bytes) -> Analyzer:
    cut = partial(_cut_words, words=_shortest_cut)
    return Analyzer(cut, cut)


_ANALYZERS: dict[str, Callable[[bytes], Analyzer]] = {
    "single_word": _single_word,
    "max_word": _max_word,
    "min_word": _min_word,
    "split": _split,
    "fuzzy": _fuzzy,
}
