"""The days that a question names, in English or Chinese: "in May 2025", "last week", 去年夏天. Does no I/O.

What names no year is the latest that has begun: "in March" asked in May is this year's. Nobody says in which
time zone, so each span is a day longer at both ends.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

_MONTHS = {
    "january": 1,
    "february": 2,
    "march": 3,
    "april": 4,
    "may": 5,
    "june": 6,
    "july": 7,
    "august": 8,
    "september": 9,
    "october": 10,
    "november": 11,
    "december": 12,
    "sept": 9,
    "一": 1,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
    "十一": 11,
    "十二": 12,
}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items() if name.isascii()}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_SEASONS |= {"春": 3, "夏": 6, "秋": 9, "冬": 12}
"""The month with which each begins, of three."""
_SHIFTS = {"last": -1, "past": -1, "this": 0, "next": 1, "上": -1, "这": 0, "本": 0, "下": 1}
_SHIFTS |= {
    "yesterday": -1,
    "today": 0,
    "tomorrow": 1,
    "前天": -2,
    "昨天": -1,
    "今天": 0,
    "明天": 1,
}
_SHIFTS |= {"前年": -2, "去年": -1, "今年": 0, "明年": 1}

_NAME = rf"(?P<month>{'|'.join(sorted(filter(str.isascii, _MONTHS), key=len, reverse=True))})\b\.?"
_NUMBER = r"(?P<month>\d{1,2}|十[一二]?|[一二三四五六七八九])"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?!\d)"
_SEASON = r"(?P<season>spring|summer|autumn|fall|winter)\b"
_YEAR = r"(?P<year>\d{4})\b"
_CHINESE_YEAR = r"(?P<year>\d{4}(?= ?年)|前年|去年|今年|明年)(?: ?年)?的?"
# Each part of a question is read by the first that knows it.
_FORMS = [
    re.compile(form)
    for form in (
        r"(?<!\d)(?P<year>\d{4})[-/](?P<month>\d{1,2})(?:[-/](?P<day>\d{1,2}))?(?!\d)",
        rf"(?:{_CHINESE_YEAR})? ?(?<!\d){_NUMBER} ?月(?: ?(?P<day>\d{{1,2}}) ?[日号])?",
        rf"{_CHINESE_YEAR}(?P<season>[春夏秋冬])(?!节)",
        rf"\b{_DAY}(?: of)? {_NAME}(?:,? {_YEAR})?",
        rf"\b{_NAME} {_DAY}(?:,? {_YEAR})?",
        rf"\b{_NAME},?(?: of)? {_YEAR}",
        rf"\b(?:in|since|during|until|by|of|early|late|last|this)[ -]{_NAME}",
        rf"\b{_SEASON}(?: of)? {_YEAR}",
        rf"\b(?:last|this) {_SEASON}",
        r"\b(?P<shift>last|past|this|next) (?P<unit>week|month|year)\b",
        r"(?P<shift>[上这本下])一?个?(?P<unit>周|星期|礼拜|月)",
        r"\b(?P<shift>yesterday|today|tomorrow)\b",
        r"(?P<shift>前天|昨天|今天|明天)",
        _CHINESE_YEAR,
        r"\b(?P<year>(?:19|20)\d\d)\b",
    )
]

_Span = tuple[date, date]


class Days(NamedTuple):
    """From the first to the last of them, as in 2025-05-31."""

    first: str
    last: str

    def hold(self, day: str) -> bool:
        return self.first <= day <= self.last

    def touch(self, start: str, end: str) -> bool:
        """Whether they share a day with what goes from a day, month or year to another."""
        first, last = start.rstrip("~"), f"{end.rstrip('~')}-99"  # 2025-99 comes after all of 2025
        return first <= self.last and last >= self.first


def days_named(question: str, today: date) -> list[Days]:
    """None if the question names none, or none that there is."""
    return list(_named(question.lower(), today))


def _named(text: str, today: date) -> Iterator[Days]:
    for form in _FORMS:
        for found in form.finditer(text):
            parts = {name: part for name, part in found.groupdict().items() if part}
            try:
                first, last = _span(parts, today)
                yield Days(_moved(first, -1).isoformat(), _moved(last, 1).isoformat())
            except (ValueError, OverflowError):  # 31 June, or the end of the calendar
                continue
        text = form.sub(" ", text)


def _span(named: Mapping[str, str], today: date) -> _Span:
    match named:
        case {"season": season}:
            month = _SEASONS[season]
            return _months(_year(named, today, month), month, 3)
        case {"month": name}:
            month = int(name) if name.isdecimal() else _MONTHS[name]
            first = date(_year(named, today, month), month, int(named.get("day", 1)))
            return (first, first) if "day" in named else _months(first.year, month)
        case {"shift": shift, "unit": "month" | "月"}:
            return _months(today.year, today.month + _SHIFTS[shift])
        case {"shift": shift, "unit": "year"}:
            return _months(today.year + _SHIFTS[shift], 1, 12)
        case {"shift": shift, "unit": _}:
            monday = _moved(today, 7 * _SHIFTS[shift] - today.weekday())
            return monday, _moved(monday, 6)
        case {"shift": shift}:
            return (_moved(today, _SHIFTS[shift]),) * 2
    return _months(_year(named, today, 1), 1, 12)


def _year(named: Mapping[str, str], today: date, month: int) -> int:
    """As it is named, or the latest in which the month has begun."""
    year = named.get("year")
    if year is None:
        return today.year - (month > today.month)
    return int(year) if year.isdecimal() else today.year + _SHIFTS[year]


def _months(year: int, month: int, count: int = 1) -> _Span:
    """So many from one on, which may lie beyond those of its year."""
    return _first_of(year, month), _moved(_first_of(year, month + count), -1)


def _first_of(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _moved(day: date, by: int) -> date:
    return day + timedelta(days=by)
