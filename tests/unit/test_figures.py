"""Numbers are the same however they are written, in Chinese, too, and a date is told where its text lacks it."""

import pytest

from tablestore_memory.worker.consolidation.dates import dated
from tablestore_memory.worker.consolidation.figures import figures


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("月薪两万三", "23,000 a month"),
        ("一百五降到一百二十六", "150 to 126"),
        ("一百零五个", "105"),
        ("两千零八年", "2008"),
        ("一万五千，三斤", "15,000 and 3"),
        ("十盒清凉油", "ten pots"),
        ("二十三层楼", "23"),
        ("四十分钟", "40 minutes"),
        ("三个星期", "three weeks"),
        ("I'm thirty-one", "31"),
        ("十分高兴，万一，千万别", "very happy, and mind"),
    ],
)
def test_number_is_the_same_in_characters_and_in_digits(text: str, same: str) -> None:
    assert figures(text) == figures(same)


@pytest.mark.parametrize(
    ("text", "day", "told"),
    [
        ("Ana's eyes are 0.8 as of 2025-12-21.", "2025-12-12", True),
        ("Ana is 31 as of 2025-03-04.", "2025-03-04~", False),
        ("Ana ran on 2023-05-07.", "2023-05-07", False),
    ],
)
def test_date_is_added_unless_each_part_of_it_is_told(text: str, day: str, told: bool) -> None:
    assert (dated(text, (day, None)) != text) is told
