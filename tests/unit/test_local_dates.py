"""Relative dates of the local DashScope, counted from Monday, 8 May 2023."""

from datetime import date

import pytest

from tablestore_memory.localcloud.dashscope import dates

MONDAY = date(2023, 5, 8)


def span(text: str, *, future: bool = False) -> tuple[str, str | None] | None:
    found = dates.find(text, MONDAY, future=future)
    if not found:
        return None
    when = found[1]
    return when.start.isoformat(), when.end.isoformat() if when.end else None


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("yesterday", "2023-05-07"),
        ("last night", "2023-05-07"),
        ("the day before yesterday", "2023-05-06"),
        ("this morning", "2023-05-08"),
        ("tomorrow evening", "2023-05-09"),
        ("three days ago", "2023-05-05"),
        ("in 2 days", "2023-05-10"),
        ("last Friday", "2023-05-05"),
        ("last Mon", "2023-05-01"),
        ("this Friday", "2023-05-12"),
        ("next Monday", "2023-05-15"),
        ("next Sunday", "2023-05-21"),
        ("on Friday", "2023-05-05"),
        ("on 5 May", "2023-05-05"),
        ("the 9th of May", "2022-05-09"),
        ("May 5th, 2021", "2021-05-05"),
        ("on 2023-05-01", "2023-05-01"),
        ("昨天", "2023-05-07"),
        ("前天", "2023-05-06"),
        ("大后天", "2023-05-11"),
        ("三天前", "2023-05-05"),
        ("上周五", "2023-05-05"),
        ("上上周日", "2023-04-30"),
        ("下周一", "2023-05-15"),
        ("这个星期天", "2023-05-14"),
        ("5月5号", "2023-05-05"),
        ("2021年12月31日", "2021-12-31"),
    ],
)
def test_phrase_means_a_day(said: str, day: str) -> None:
    assert span(f"It was {said} I think" if said.isascii() else said) == (day, None)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("last week", "2023-05-01", "2023-05-07"),
        ("two weeks ago", "2023-04-24", "2023-04-30"),
        ("last weekend", "2023-05-06", "2023-05-07"),
        ("next weekend", "2023-05-20", "2023-05-21"),
        ("last month", "2023-04-01", "2023-04-30"),
        ("five months ago", "2022-12-01", "2022-12-31"),
        ("next year", "2024-01-01", "2024-12-31"),
        ("three years ago", "2020-01-01", "2020-12-31"),
        ("in 2016", "2016-01-01", "2016-12-31"),
        ("in June", "2022-06-01", "2022-06-30"),
        ("last May", "2022-05-01", "2022-05-31"),
        ("上周", "2023-05-01", "2023-05-07"),
        ("上周末", "2023-05-06", "2023-05-07"),
        ("下个月", "2023-06-01", "2023-06-30"),
        ("去年", "2022-01-01", "2022-12-31"),
        ("两年前", "2021-01-01", "2021-12-31"),
    ],
)
def test_phrase_means_some_days(said: str, first: str, last: str) -> None:
    assert span(said) == (first, last)


@pytest.mark.parametrize(
    ("said", "day"),
    [("on Friday", "2023-05-12"), ("on 5 May", "2024-05-05"), ("5月5日", "2024-05-05")],
)
def test_open_date_of_a_plan_lies_ahead(said: str, day: str) -> None:
    assert span(said, future=True) == (day, None)


@pytest.mark.parametrize(
    "said", ["recently", "a few weeks ago", "over five years ago", "soon", "may", "on 31 February"]
)
def test_what_has_no_one_answer_is_left_alone(said: str) -> None:
    assert span(said) is None


def test_every_phrase_is_written_out() -> None:
    said = "went since last year, saw Bob yesterday and 昨天"

    written, when = dates.written_out(said, MONDAY)

    assert written == "went since 2022, saw Bob on 7 May 2023 and 2023年5月7日"
    assert when and when.start == date(2022, 1, 1)
