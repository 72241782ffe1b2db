"""Texts that hold a secret never become facts: keys, passwords, card and ID numbers.

Masked before a text goes to a model, and looked for again in what comes back. It knows shapes
(`secret_shapes`, `card_numbers`), so it can miss one; it stores nothing. Time grows linearly with the
text, whatever the text is (docs/decisions/secrets.md).
"""

from collections.abc import Iterator
from typing import Any

import re2

from tablestore_memory.protocol.events import MAX_EVENT_BYTES
from tablestore_memory.worker.secrets.card_numbers import ROWS, card_numbers
from tablestore_memory.worker.secrets.patterns import (
    DOUBTFUL,
    LABELS,
    OPTIONS,
    SHAPES,
    folded,
    looks_random,
    value_after,
)

MASK = "[secret]"
# No event holds more; what a foreign row holds beyond is not looked at and so not shown to anybody.
MOST_SCANNED = MAX_EVENT_BYTES  # characters
_MOST_LABELS = 1_000  # each costs some 40 µs
_MEDIA = ("image", "audio", "file")  # parts of AgentScope whose strings are data

# Most texts have nothing that could be one: to ask that once costs a fraction of asking for each.
_ANYTHING = re2.compile(
    "|".join(f"(?:{each.pattern})" for each in (SHAPES, DOUBTFUL, LABELS, ROWS)), OPTIONS
)

Span = tuple[int, int]


def masked(text: str) -> str:
    """The first `MOST_SCANNED` characters without their secrets: what is sent to a model or listed."""
    text = text[:MOST_SCANNED]
    parts, end = [], 0
    for start, stop in _merged(_secrets(folded(text))):
        parts += [text[end:start], MASK]
        end = stop
    return "".join([*parts, text[end:]])


def holds_secret(text: str) -> bool:
    """Whether there is a secret in it, or was; nobody vouches for more than `MOST_SCANNED` characters."""
    if len(text) > MOST_SCANNED or MASK in text:
        return True
    return any(True for _ in _secrets(folded(text)))


def masked_texts(document: dict[str, Any]) -> dict[str, Any]:
    """A copy without the secrets in its texts; ids, pictures, sounds and files stay as they are."""
    copy = dict(document)
    left: list[Any] = [copy]
    while left:  # and not recursion: a document may be nested more deeply than calls may be
        inner = left.pop()
        for key, value in list(inner.items() if isinstance(inner, dict) else enumerate(inner)):
            if isinstance(value, str) and not str(key).endswith("id"):
                inner[key] = masked(value)
            elif isinstance(value, dict | list) and not _is_media(value):
                inner[key] = value.copy()
                left.append(inner[key])
    return copy


def _is_media(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, dict) and value.get("type") in _MEDIA


def _secrets(text: str) -> Iterator[Span]:
    """Where they stand in a folded text; in no order, and some of them twice."""
    if not _ANYTHING.search(text):
        return
    yield from (found.span(1 if found["login"] else 0) for found in SHAPES.finditer(text))
    yield from (found.span() for found in DOUBTFUL.finditer(text) if looks_random(found["key"]))
    yield from _announced(text)
    yield from card_numbers(text)


def _announced(text: str) -> Iterator[Span]:
    """What follows a label; behind very many of them, everything: nobody talks like that."""
    for n, label in enumerate(LABELS.finditer(text)):
        if n == _MOST_LABELS:
            yield label.start(), len(text)
            return
        announces = not text.startswith(MASK, label.start() - 1)  # our own mark says "secret" too
        if announces and (span := value_after(label, text)):
            yield span


def _merged(spans: Iterator[Span]) -> list[Span]:
    """In order, with those that overlap or touch as one."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
