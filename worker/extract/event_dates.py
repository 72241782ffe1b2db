"""When something happens, as exactly as it was said and no more so: a small part of EDTF. Does no I/O.

    2023-05-07    2023-05    2023        a day, a month, a year
    2023-05-08~                          about then
    2023-05-01/2023-05-07                from, to; both ends count, either may be left out
    ~                                    about when it was said, which is left to who knows that

Source: EDTF, ISO 8601-2:2019, levels 0 and 1 (https://www.loc.gov/standards/datetime/).
"""

import re
from datetime import date

from tablestore_memory.worker.consolidation.dates import Span

JUST_THEN: Span = ("~", None)
_FORM = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ].*)?)?)?([~?%]?)")


def span_of(value: str) -> Span | None:
    """Where it begins and ends, the end None if it is one date; None for what is no such date."""
    if value.strip() == "~":
        return JUST_THEN
    start, slash, end = value.strip().partition("/")
    first, last = _date(start), _date(end)
    if slash and first and last and first > last:
        return None
    return (first, last) if first or last else None


def said_on(day: date, when: Span) -> Span:
    """What was told on a day, with that day for what was just then."""
    return (f"{day}~", None) if when == JUST_THEN else when


def _date(value: str) -> str | None:
    """A date in the form above; None for none, or one that is not in the calendar."""
    found = _FORM.fullmatch(value.strip())
    if not found:
        return None
    year, *rest = (int(part) for part in found.groups()[:3] if part)
    month, day = (*rest, 1, 1)[:2]
    try:
        date(year, month, day)
    except ValueError:
        return None
    parts = [f"{year:04}", *(f"{part:02}" for part in rest)]
    return "-".join(parts) + ("~" if found[4] else "")
