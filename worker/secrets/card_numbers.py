"""Payment cards in a text: in one piece, or in groups with spaces, dots or dashes. Does no I/O.

Other numbers are longer or shorter, begin otherwise, are grouped otherwise or fail the check digit; one
other number of ten with the length and beginning of a card passes for one.
"""

import itertools
from collections.abc import Iterator, Sequence

import re2

# Digits in a row and what may stand between them; a card is somewhere in such a row.
ROWS = re2.compile(r"\b\d(?:[ .-]{0,3}\d){13,}\b")
_GROUPS = re2.compile(r"\d+")
_LENGTHS = range(14, 20)
# How cards print their digits: four by four, with a rest from 17 digits on; American Express, Diners Club,
# old UnionPay.
_FOURS = (4, 4, 4, 4)
_PRINTED = (*((*_FOURS, rest) for rest in (3, 2, 1)), _FOURS, (4, 6, 5), (4, 6, 4), (6, 13), (8, 8))
# Lengths and first digits of the issuers (ISO/IEC 7812-1): Visa, Mastercard, American Express, Diners Club,
# JCB, Maestro, and for 6 UnionPay, Discover and others.
_ISSUED = re2.compile(
    r"4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}"
    r"|5[0678]\d{14,17}|6\d{15,18}"
)

Span = tuple[int, int]


def card_numbers(text: str) -> Iterator[Span]:
    """Where cards stand in a folded text (`secret_shapes.folded`)."""
    for row in ROWS.finditer(text):
        start = row.start()
        if text[start - 1 : start] != "+":  # a telephone
            for first, last in _in_row(row[0]):
                yield start + first, start + last


def _in_row(row: str) -> Iterator[Span]:
    groups = [found.span() for found in _GROUPS.finditer(row)]
    for evenly_parted in _stretches(row, groups):
        # Two groups may be a decimal number; a card has no more groups than digits.
        if 3 <= len(evenly_parted) <= max(_LENGTHS):
            yield from _if_card(row, evenly_parted)
    for n, (start, end) in enumerate(groups):
        # What follows a single dot may be the decimals of a number.
        if end - start in _LENGTHS and row[start - 1 : start] != ".":
            yield from _if_card(row, groups[n : n + 1])
        lengths = tuple(b - a for a, b in groups[n : n + 5])
        for printed in _PRINTED:
            if lengths[: len(printed)] == printed:
                yield from _if_card(row, groups[n : n + len(printed)])


def _stretches(row: str, groups: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """The groups in stretches that are parted in one way: "2024. 41 11 11" is two."""
    parted = [row[a[1] : b[0]] for a, b in itertools.pairwise(groups)]
    first = 0
    for n in range(1, len(parted)):
        if parted[n] != parted[n - 1]:
            yield groups[first : n + 1]
            first = n
    yield groups[first:]


def _if_card(row: str, groups: Sequence[Span]) -> Iterator[Span]:
    digits = "".join(row[start:end] for start, end in groups)
    if _ISSUED.fullmatch(digits) and _luhn(digits):
        yield groups[0][0], groups[-1][1]


def _luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    numbers = [int(digit) for digit in digits]
    doubled = [number * 2 - 9 * (number > 4) for number in numbers[-2::-2]]
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0
