"""Which days a question names, in either language, on 20 May 2026."""

from datetime import date

import pytest

from tablestore_memory.recall.days import Days, days_named

TODAY = date(2026, 5, 20)  # a Wednesday


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("What did she paint on 4 March 2025?", "2025-03-03", "2025-03-05"),
        ("on the 4th of March, 2025", "2025-03-03", "2025-03-05"),
        ("on March 4th, 2025", "2025-03-03", "2025-03-05"),
        ("on 2025-03-04", "2025-03-03", "2025-03-05"),
        ("2025年3月4日他在哪里？", "2025-03-03", "2025-03-05"),
        ("What happened in May 2025?", "2025-04-30", "2025-06-01"),
        ("Sept. 2025", "2025-08-31", "2025-10-01"),
        ("2025年12月 Bo 换了什么工作？", "2025-11-30", "2026-01-01"),
        ("2025 年十一月", "2025-10-31", "2025-12-01"),
        ("Where did he live in summer 2025?", "2025-05-31", "2025-09-01"),
        ("in the winter of 2025", "2025-11-30", "2026-03-01"),
        ("去年夏天我去了哪里？", "2025-05-31", "2025-09-01"),
        ("her goal of 2025", "2024-12-31", "2026-01-01"),
        ("2025年", "2024-12-31", "2026-01-01"),
        ("2025年春节", "2024-12-31", "2026-01-01"),
        ("去年", "2024-12-31", "2026-01-01"),
        ("this year", "2025-12-31", "2027-01-01"),
        # Without a year: the latest that has begun.
        ("since March", "2026-02-28", "2026-04-01"),
        ("in May", "2026-04-30", "2026-06-01"),
        ("in August", "2025-07-31", "2025-09-01"),
        ("on 3 June", "2025-06-02", "2025-06-04"),
        ("八月", "2025-07-31", "2025-09-01"),
        ("last summer", "2025-05-31", "2025-09-01"),
        # Beside today.
        ("What did I say yesterday?", "2026-05-18", "2026-05-20"),
        ("昨天", "2026-05-18", "2026-05-20"),
        ("next week", "2026-05-24", "2026-06-01"),
        ("上周我们聊了什么？", "2026-05-10", "2026-05-18"),
        ("上个月", "2026-03-31", "2026-05-01"),
        ("last month", "2026-03-31", "2026-05-01"),
    ],
)
def test_days_are_named_with_one_more_at_both_ends(question: str, first: str, last: str) -> None:
    assert days_named(question, TODAY) == [Days(first, last)]


@pytest.mark.parametrize(
    "question",
    [
        *("May I march in?", "He paid 5,999 yuan for a 24-month plan.", "3个月", "一个月"),
        *(
            "31 June 2025",
            "2025-02-31",
            "9999-12-31",
            "0001-01-01",
            "0000年",
            "2025-00",
            "13月",
            "春节",
            "",
        ),
    ],
)
def test_what_names_no_days_that_there_are_gives_none(question: str) -> None:
    assert days_named(question, TODAY) == []


def test_all_that_are_named_are_given_each_once() -> None:
    named = days_named("between spring 2025 and 1 April 2026, not last week", TODAY)

    assert sorted(days.first for days in named) == ["2025-02-28", "2026-03-31", "2026-05-10"]


@pytest.mark.parametrize(
    ("start", "end", "shares"),
    [
        ("2025-03", "2025-03", True),
        ("2025-03~", "2025-03~", True),
        ("2025", "2025", True),
        ("2025-03-19", "2025-04-02", True),
        ("2025-02-01", "2025-03-09", False),
        ("2025-03-21", "2025-03-21", False),
        ("2024", "2024", False),
    ],
)
def test_event_is_compared_as_exactly_as_it_is_known(start: str, end: str, shares: bool) -> None:
    assert Days("2025-03-10", "2025-03-20").touch(start, end) == shares
