"""What Qwen says facts are, read one by one: what deviates a little is mended, what is useless costs itself alone.

    subject, [text, kind, date, number or [number, words], …], …
    [subject, text, kind, date, number or [number, words], …]
    {"t": text, "k": kind, "s": subject, "d": date, "m": [number or [number, words], …]}

Rows below their subject are what is asked for. What comes after a text is told by its form, so that what there
is none of is left out.

Does no I/O, and knows nothing of what was asked.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from tablestore_memory.worker.consolidation.dates import Span
from tablestore_memory.worker.extract.event_dates import span_of
from tablestore_memory.worker.stores.memories import Kind

_KINDS = get_args(Kind)
_UNDATED: Span = (None, None)
# Where a date belongs stands now and then what belongs into the text: "since", which the date of a state means
# anyway, and the day of an age or a measurement.
_SINCE = "since "
_MEASURED = re.compile(r"(?:as of |截至)\d{4}\S*")
_WORD_OR_DATE = re.compile(r"[a-z]+$|\d{4}-|(?:since |as of |截至)\d{4}")


class FactsAnswer(msgspec.Struct, frozen=True):
    """The whole, which must have this shape; its facts are read one by one."""

    facts: list[Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact as Qwen gives it; messages are numbered, context first. `cited` are numbers, some with words."""

    text: str
    kind: Kind = "fact"
    subject: str | None = None
    when: Span = _UNDATED
    cited: tuple[tuple[int, str | None], ...] = ()


def facts_of(answer: FactsAnswer, mended: Counter[str], dropped: Counter[str]) -> Iterator[Fact]:
    """The facts that can be read; what was not as asked for is counted by its name."""
    subject: str | None = None
    for listed in _unfolded(answer.facts):
        if isinstance(listed, str):
            subject = listed
            continue
        given = _by_key(listed if subject is None else _below(subject, listed))
        text = given.get("t")
        if isinstance(text, str) and text.strip():
            yield _fact(" ".join(text.split()), given, mended)
        else:
            dropped["no text"] += 1


def _unfolded(facts: list[Any]) -> Iterator[object]:
    """Also the rows that stand in a list below their subject."""
    for listed in facts:
        match listed:
            case [[*_], *_] if all(isinstance(row, list) for row in listed):
                yield from listed
            case _:
                yield listed


def _below(subject: str, given: object) -> object:
    """A row with the subject that stands above it, or its own: a text is longer than whom it is about."""
    match given:
        case [str(first), str(second), *_] if len(second) > len(first) and _is_text(second):
            return given
        case [*row]:
            return [subject, *row]
    return given


def _is_text(part: str) -> bool:
    """Neither a kind nor a date, known or not."""
    return part not in _KINDS and not span_of(part) and not _WORD_OR_DATE.match(part)


def _by_key(given: object) -> dict[str, Any]:
    """A row as the object that says the same; nothing of what is neither."""
    match given:
        case [subject, text, *others]:
            named: dict[str, Any] = {"s": subject, "t": text, "m": []}
            for other in others:
                match other:
                    case str() if other in _KINDS:
                        named["k"] = other
                    case str() if span_of(day := other.removeprefix(_SINCE)):
                        named["d"] = day
                    case str() if isinstance(text, str) and _MEASURED.fullmatch(other):
                        named["t"] = text if other in text else f"{text} ({other})"
                    case str():
                        named.setdefault("k", other)
                    case _:
                        named["m"].append(other)
            return named
    return given if isinstance(given, dict) else {}


def _fact(text: str, given: dict[str, Any], mended: Counter[str]) -> Fact:
    kind, when, subject = given.get("k", "fact"), given.get("d"), given.get("s")
    if kind not in _KINDS:
        mended["kind"] += 1
        kind = "fact"
    span = span_of(when) if isinstance(when, str) else None
    if when is not None and span is None:
        mended["date"] += 1
    if not isinstance(subject, str | None):
        mended["subject"] += 1
        subject = None
    cited = tuple(_cited(given.get("m"), mended))
    return Fact(text, kind, subject and subject.strip(), span or _UNDATED, cited)


def _cited(given: object, mended: Counter[str]) -> Iterator[tuple[int, str | None]]:
    """Numbers, and words where there are some; also where they come as an object, or as one number."""
    pairs = list(given.items()) if isinstance(given, dict) else given
    for pair in pairs if isinstance(pairs, list) else [given]:
        cited: tuple[object, str | None]
        match pair:
            case (number, str(words)) | {"n": number, "quote": str(words)}:
                cited = number, words
            case [number] | number:
                cited = number, None
        if (known := _number(cited[0])) is not None:
            yield known, cited[1]
        else:
            mended["citation"] += given is not None


def _number(value: object) -> int | None:
    """Also of "3"; nothing else that int() would take."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isdecimal() and len(text) < 10 else None
