"""DATE fields: the formats an index may name, and their values as microseconds since 1970 UTC.

Formats are `epoch_second`, `epoch_millis`, `epoch_micros` for integers and the Java patterns of the
letters y M d H m s S X Z for strings. A pattern without a zone is read as UTC. Others are refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tablestore_memory.localcloud.tablestore import errors

_EPOCHS = {"epoch_second": 1_000_000.0, "epoch_millis": 1_000.0, "epoch_micros": 1.0}
# What a run of letters stands for: to read it, and just how it is written, with every zero.
_LETTERS = {
    "yyyy": ("%Y", r"\d{4}"),
    "MM": ("%m", r"\d\d"),
    "dd": ("%d", r"\d\d"),
    "HH": ("%H", r"\d\d"),
    "mm": ("%M", r"\d\d"),
    "ss": ("%S", r"\d\d"),
    "SSS": ("%f", r"\d{3}"),
    "SSSSSS": ("%f", r"\d{6}"),
    "X": ("%z", r"(?:Z|[+-]\d\d(?:\d\d)?)"),
    "XXX": ("%z", r"(?:Z|[+-]\d\d:\d\d)"),
    "Z": ("%z", r"[+-]\d{4}"),
}
_PARTS = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The years from 1 to 9999.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999

Parse = Callable[[str | int], int | None]


def parser(date_format: str) -> Parse:
    """A function from a column's value to microseconds, or None where the value does not fit."""
    if date_format in _EPOCHS:
        return _epoch_parser(int(_EPOCHS[date_format]))
    directives, shapes = zip(*map(_directive, _PARTS.finditer(date_format)), strict=True)
    return _pattern_parser("".join(directives), re.compile("".join(shapes)))


def _epoch_parser(micros: int) -> Parse:
    def parse(value: str | int) -> int | None:
        try:
            moment = int(value) * micros
        except ValueError:
            return None
        return moment if _FIRST <= moment <= _LAST else None

    return parse


def _pattern_parser(directives: str, shape: re.Pattern[str]) -> Parse:
    def parse(value: str | int) -> int | None:
        if not isinstance(value, str) or not shape.fullmatch(value):
            return None
        try:
            moment = datetime.strptime(value, directives)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)

    return parse


def _directive(part: re.Match[str]) -> tuple[str, str]:
    text = part[0]
    if part[2] is None:
        plain = text if part[1] is None else part[1]
        return plain.replace("%", "%%"), re.escape(plain)
    if text not in _LETTERS:
        raise errors.UnsupportOperation(f"Date format with [{text}] is not supported locally.")
    return _LETTERS[text]
