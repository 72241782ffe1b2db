"""Text to tokens: single word, max word, min word, split and fuzzy.

A token is (term, position). Index and query use the same analyzer, so what is found does not
depend on who cut the words. Chinese words come from the dictionary of rjieba; a character in no
word is a token of its own (docs/decisions/search-index.md).
Source: Tablestore documentation, "Tokenization".
"""

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.messages import parse

Token = tuple[str, int]
Tokenize = Callable[[str], list[Token]]

# Han, kana, compatibility ideographs, the ideographic planes: written without spaces.
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNITS = re.compile(f"[{_SPACELESS}]|[^\\W_{_SPACELESS}]+")
_RUNS = re.compile(f"([{_SPACELESS}]+)|[^\\W_{_SPACELESS}]+")
_LETTERS_OR_DIGITS = re.compile(r"\d+|\D+")
_FUZZY_MAX_TEXT = 1024  # characters; the service drops the rest


@dataclass(frozen=True)
class Analyzer:
    """How one TEXT field is cut, for the index and for a phrase."""

    tokens: Tokenize
    phrase: Tokenize


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


def _cut_units(text: str, *, case_sensitive: bool, delimit_word: bool) -> list[Token]:
    """Words, and each character of what is written without spaces."""
    units = _UNITS.findall(text if case_sensitive else text.lower())
    if delimit_word:
        units = [part for unit in units for part in _LETTERS_OR_DIGITS.findall(unit)]
    return [(unit, position) for position, unit in enumerate(units)]


def _cut_at(text: str, *, delimiter: str) -> list[Token]:
    parts = (part.strip() for part in text.lower().split(delimiter))
    return [(part, position) for position, part in enumerate(part for part in parts if part)]


def _cut_words(text: str, *, words: Callable[[str], Iterator[Token]]) -> list[Token]:
    """Words where there are spaces, `words` of the runs between where there are none."""
    tokens: list[Token] = []
    position = 0
    for run in _RUNS.finditer(text.lower()):
        if run[1]:
            tokens += [(word, position + start) for word, start in words(run[1])]
            position += len(run[1])
        else:
            tokens.append((run[0], position))
            position += 1
    return tokens


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


def _grams(text: str, *, least: int, most: int) -> list[Token]:
    text = text[:_FUZZY_MAX_TEXT].lower()
    return [
        (text[start : start + size], start)
        for start in range(len(text))
        for size in range(least, min(most, len(text) - start) + 1)
    ]


def _windows(text: str, *, least: int, most: int) -> list[Token]:
    """The longest grams of the text: together, in their places, they say that it is contained."""
    text = text.lower()
    if len(text) < least:
        return []
    size = min(most, len(text))
    return [(text[start : start + size], start) for start in range(len(text) - size + 1)]


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
