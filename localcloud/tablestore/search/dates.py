"""DATE fields: the formats an index may name, and their values as microseconds since 1970 UTC.

Formats are `epoch_second`, `epoch_millis`, `epoch_micros` for integers and the Java patterns of the
letters y M d H m s S X Z for strings. A pattern without a zone is read as UTC. Others are refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tablestore_memory.localcloud.tablestore import errors

_EPOCHS = {"epoch_second": 1_000_000.0, "epoch_millis": 1_000.0, "epoch_micros": 1.0}
_LETTERS = {
    "yyyy": "%Y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%f",
    "SSSSSS": "%f",
    "X": "%z",
    "XXX": "%z",
    "Z": "%z",
}
_PARTS = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Parse = Callable[[str | int], int | None]


def parser(date_format: str) -> Parse:
    """A function from a column's value to microseconds, or None where the value does not fit."""
    if date_format in _EPOCHS:
        return _epoch_parser(int(_EPOCHS[date_format]))
    return _pattern_parser("".join(_directive(part) for part in _PARTS.finditer(date_format)))


def _epoch_parser(micros: int) -> Parse:
    def parse(value: str | int) -> int | None:
        try:
            return int(value) * micros
        except ValueError:
            return None

    return parse


def _pattern_parser(directives: str) -> Parse:
    def parse(value: str | int) -> int | None:
        if not isinstance(value, str):
            return None
        try:
            moment = datetime.strptime(value, directives)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)

    return parse


def _directive(part: re.Match[str]) -> str:
    text = part[0]
    if part[1] is not None:
        return part[1].replace("%", "%%")
    if part[2] is None:
        return text.replace("%", "%%")
    if text not in _LETTERS:
        raise errors.UnsupportOperation(f"Date format with [{text}] is not supported locally.")
    return _LETTERS[text]
