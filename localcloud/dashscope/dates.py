"""When a message says something happened or will: relative words to calendar dates.

Owns the table of phrases, in English and Chinese. Everything is counted from the day of the
message, never from the clock. It leaves alone what has no one answer ("recently", "a few weeks
ago"). A rule is one line: a pattern, and what it means on a given day.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from tablestore_memory.localcloud.dashscope.tokens import CJK

# ruff: noqa: E501 - a phrase and its meaning read as one line of a table

MONTHS = "january february march april may june july august september october november december"
MONTH = {name[:3]: n for n, name in enumerate(MONTHS.split(), 1)}
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ENGLISH_COUNTS = "one two three four five six seven eight nine ten"
COUNTS = {name: n for n, name in enumerate(ENGLISH_COUNTS.split(), 1)}
ZH_DIGITS = {name: n for n, name in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
PREPOSITION = re.compile(r"(?i)\b(in|on|at|by|since|until|till|before|after|from|of|during|for) $")


@dataclass(frozen=True)
class When:
    """A day, or the days from `start` to `end`, and how to write it in a sentence."""

    start: date
    end: date | None
    english: str
    chinese: str


def _day(day: date) -> When:
    written = f"{day.day} {day:%B} {day.year}"
    return When(day, None, f"on {written}", f"{day.year}年{day.month}月{day.day}日")


def _week(day: date) -> When:
    monday = day - timedelta(days=day.weekday())
    first = _day(monday)
    english = f"in the week of {first.english[3:]}"
    return When(monday, monday + timedelta(days=6), english, f"{first.chinese}那一周")


def _weekend(day: date) -> When:
    saturday = day + timedelta(days=5 - day.weekday())
    first = _day(saturday)
    english = f"on the weekend of {first.english[3:]}"
    return When(saturday, saturday + timedelta(days=1), english, f"{first.chinese}那个周末")


def _month(year: int, month: int) -> When:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    first = date(year, month, 1)
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return When(first, last, f"in {first:%B} {year}", f"{year}年{month}月")


def _year(year: int) -> When:
    return When(date(year, 1, 1), date(year, 12, 31), f"in {year}", f"{year}年")


def _shift(today: date, count: int, unit: str) -> When:
    """`count` days, weeks, months or years from today, as exact as the unit is."""
    if unit[0] in "d天日":
        return _day(today + timedelta(days=count))
    if unit[0] in "w周星礼":
        return _week(today + timedelta(weeks=count))
    if unit[0] in "m月":
        return _month(today.year, today.month + count)
    return _year(today.year + count)


def _number(text: str) -> int:
    if text.lower() in ("a", "an"):
        return 1
    return COUNTS.get(text.lower()) or ZH_DIGITS.get(text) or int(text)


def _weekday(today: date, which: str, name: str) -> When:
    """English: "last Friday" is the latest before today, "next Friday" that of the next week."""
    weekday = WEEKDAYS.index(name[:3].lower())
    if which == "last":
        return _day(today - timedelta(days=(today.weekday() - weekday) % 7 or 7))
    if which == "next":
        return _day(today + timedelta(days=7 - today.weekday() + weekday))
    return _day(today + timedelta(days=(weekday - today.weekday()) % 7))


def _zh_week(today: date, which: str, name: str) -> When:
    """Chinese: 上周五 is the Friday of the last week, Monday to Sunday."""
    weeks = {"上": -1, "下": 1}.get(which[0], 0) * len(which)
    monday = today + timedelta(weeks=weeks, days=-today.weekday())
    if name == "末":
        return _weekend(monday)
    return _day(monday + timedelta(days="一二三四五六日".index(name.replace("天", "日"))))


def _calendar(today: date, year: str | None, month: int, day: int, future: bool) -> When | None:
    """A day of a month; without a year the nearest one that the tense allows."""
    try:
        if year:
            return _day(date(int(year), month, day))
        nearest = date(today.year, month, day)
        if future and nearest < today:
            return _day(nearest.replace(year=today.year + 1))
        if not future and nearest > today:
            return _day(nearest.replace(year=today.year - 1))
        return _day(nearest)
    except ValueError:  # 31 February is no date
        return None


def _in_month(today: date, which: str, name: str, year: str | None, future: bool) -> When:
    """The nearest June, for one, that the word (last, next) or else the tense allows."""
    month = MONTH[name[:3].lower()]
    if year or which == "this":
        return _month(int(year or today.year), month)
    if which == "next" or (which == "in" and future):
        ahead = (month - today.month) % 12 or (12 if which == "next" else 0)
        return _month(today.year, today.month + ahead)
    back = (today.month - month) % 12 or (12 if which == "last" else 0)
    return _month(today.year, today.month - back)


Reading = Callable[[re.Match[str], date, bool], When | None]
_STEP = {"last": -1, "past": -1, "this": 0, "next": 1, "上": -1, "这": 0, "本": 0, "下": 1}
_MONTH_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_WEEKDAY = r"(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_COUNT = r"(\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten)"

# fmt: off
PHRASES: list[tuple[re.Pattern[str], Reading]] = [
    (re.compile(pattern, re.IGNORECASE), reading)
    for pattern, reading in [
        (r"\bthe day before yesterday\b|前天", lambda m, t, f: _shift(t, -2, "d")),
        (r"\bthe day after tomorrow\b|(?<!大)后天", lambda m, t, f: _shift(t, 2, "d")),
        (r"大后天", lambda m, t, f: _shift(t, 3, "d")),
        (r"\byesterday( morning| afternoon| evening| night)?\b|\blast night\b|昨天|昨晚", lambda m, t, f: _shift(t, -1, "d")),
        (r"\btoday\b|\btonight\b|\bthis (morning|afternoon|evening)\b|今天|今晚|今早", lambda m, t, f: _day(t)),
        (r"\btomorrow( morning| afternoon| evening| night)?\b|明天|明晚|明早", lambda m, t, f: _shift(t, 1, "d")),
        (rf"(?<!over )(?<!than )\b(?:about |around |almost |nearly |like )?{_COUNT} (day|week|month|year)s? ago\b", lambda m, t, f: _shift(t, -_number(m[1]), m[2])),
        (rf"\bin {_COUNT} (day|week|month|year)s?(?:' time)?\b", lambda m, t, f: _shift(t, _number(m[1]), m[2])),
        (rf"\b(last|next|this) {_WEEKDAY}\b", lambda m, t, f: _weekday(t, m[1].lower(), m[2])),
        (rf"\bon {_WEEKDAY}\b(?! \d)", lambda m, t, f: _weekday(t, "this" if f else "last", m[1])),
        (r"\b(last|past|this|next) weekend\b", lambda m, t, f: _weekend(t + timedelta(weeks=_STEP[m[1].lower()]))),
        (r"\b(last|past|this|next) (week|month|year)\b", lambda m, t, f: _shift(t, _STEP[m[1].lower()], m[2])),
        (rf"\b(?:on )?(?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH_NAME}(?:,? (\d{{4}}))?\b", lambda m, t, f: _calendar(t, m[3], MONTH[m[2][:3].lower()], int(m[1]), f)),
        (rf"\b(?:on )?{_MONTH_NAME} (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?\b(?!:)", lambda m, t, f: _calendar(t, m[3], MONTH[m[1][:3].lower()], int(m[2]), f)),
        (rf"\b(in|last|next|this) {_MONTH_NAME}(?: (\d{{4}}))?\b(?! \d)", lambda m, t, f: _in_month(t, m[1].lower(), m[2], m[3], f)),
        (r"\b(?:on )?(\d{4})-(\d{2})-(\d{2})\b", lambda m, t, f: _calendar(t, m[1], int(m[2]), int(m[3]), f)),
        (r"\bin ((?:19|20)\d{2})\b|(?<!\d)((?:19|20)\d{2})年(?!\d)", lambda m, t, f: _year(int(m[1] or m[2]))),
        (r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})[日号]", lambda m, t, f: _calendar(t, m[1], int(m[2]), int(m[3]), f)),
        (r"(上上|下下|上|这|本|下)个?(?:周|星期|礼拜)([一二三四五六日天末])", lambda m, t, f: _zh_week(t, m[1], m[2])),
        (r"(上|这|本|下)个?(周|星期|礼拜)(?![一二三四五六日天末])", lambda m, t, f: _shift(t, _STEP[m[1]], "周")),
        (r"(上|这|本|下)个?月", lambda m, t, f: _shift(t, _STEP[m[1]], "月")),
        (r"去年|今年|明年|前年", lambda m, t, f: _year(t.year + {"去": -1, "今": 0, "明": 1, "前": -2}[m[0][0]])),
        (r"(\d{1,3}|[一二两三四五六七八九十])个?(天|周|星期|礼拜|月|年)(前|后|以前|以后|之前|之后)", lambda m, t, f: _shift(t, _number(m[1]) * (1 if m[3][-1] == "后" else -1), m[2])),
    ]
]
# fmt: on


def find(text: str, today: date, *, future: bool = False) -> tuple[re.Match[str], When] | None:
    """The first phrase of the text that names a time, and which time; None without one.

    `future` says the tense, for phrases that leave it open ("on Friday", "5 May").
    """
    found = [
        (match, when)
        for pattern, reading in PHRASES
        if (match := pattern.search(text)) and (when := reading(match, today, future))
    ]
    # The longest of those that begin first: "2023年5月7日" before "2023年".
    return min(found, key=lambda pair: (pair[0].start(), -len(pair[0][0])), default=None)


def written_out(text: str, today: date, *, future: bool = False) -> tuple[str, When | None]:
    """The text with each time phrase as a calendar date, and the first of those times."""
    found = find(text, today, future=future)
    if not found:
        return text, None
    match, when = found
    before, (after, _) = (
        text[: match.start()],
        written_out(text[match.end() :], today, future=future),
    )
    if CJK.search(match[0]):
        return before + when.chinese + after, when
    # "since last year" is "since 2022", not "since in 2022"
    phrase = when.english.split(" ", 1)[1] if PREPOSITION.search(before) else when.english
    return before + phrase + after, when
