"""The numbers and dates of a text, however they are written: what a merge must not lose. Does no I/O.

"April 2023", "2023-04" and 2023年4月 are the same, as are "ten", "10" and 十个.
"""

import calendar
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_name) if n}
_MONTHS |= {name.lower(): n for n, name in enumerate(calendar.month_abbr) if n} | {"sept": 9}
_UNITS = (  # not "one", which is more often no number
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: n for n, word in enumerate(_UNITS, 2)}
_WORDS |= {word: n * 10 for n, word in enumerate(_TENS, 2)}
_WORDS |= {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "dozen": 12}
_DIGITS = {character: n for n, character in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_STEPS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}

# A month only beside a figure: "May 2023", "5 May", and not "may".
_NAMED_MONTH = re.compile(
    rf"\b({'|'.join(_MONTHS)})\b\.?(?=,? *\d)|(?<=\d)(?:st|nd|rd|th)?(?: of)? +({'|'.join(_MONTHS)})\b"
)
_NUMBER_WORDS = re.compile(
    rf"\b(?:{'|'.join(_WORDS)})(?:[ -](?:and[ -])?(?:{'|'.join(_WORDS)})|-one)*\b"
)
# Characters that count only before what is counted, or from a hundred on: 十分 and 万一 are no numbers.
_CHINESE = re.compile(
    r"[零〇一二两三四五六七八九十百千万]+(?=[个只条位岁年月日天号次本张杯家人名件块元点周小辆层间场种"
    r"斤克米度趟盒首部台把双瓶碗遍届期毛吨升秒顿篇封套幅匹头桌包袋份页集节门款棵朵楼]|公[里斤]|平方|分钟|星期|礼拜)"
    r"|[一二两三四五六七八九][百千万][零〇一二两三四五六七八九十百千万]*"
)
_DIGITAL = re.compile(r"\d+(?:[.,]\d+)*")
_AS_OF = re.compile(r"(?:\bas of|截至|截止到?)\s*\d{4}(?:[-年]\d{1,2}(?:[-月]\d{1,2}日?)?)?")


def figures(text: str) -> set[str]:
    """All of them, each as its digits without leading zeros."""
    return set(_figures(_plain(text)))


def figures_that_stay(text: str) -> set[str]:
    """Those that must outlive a merge: all but when something was so ("as of 2023-05-08")."""
    return set(_figures(_AS_OF.sub(" ", _plain(text))))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def counted(text: str) -> Counter[str]:
    """How often each stands there."""
    return Counter(_figures(_plain(text)))


def _figures(text: str) -> Iterator[str]:
    for found in _DIGITAL.finditer(text):
        # A comma between thousands joins, one in a list parts.
        joined = re.sub(r",(?=\d{3}(?!\d))", "", found[0])
        yield from (part.lstrip("0") or "0" for part in re.split(r"[,.]", joined))
    for found in _NAMED_MONTH.finditer(text):
        yield str(_MONTHS[found[1] or found[2]])
    for found in _NUMBER_WORDS.finditer(text):
        yield str(_in_words(re.split(r"[ -]", found[0])))
    for found in _CHINESE.finditer(text):
        if found[0] != "一":
            yield str(_in_chinese(found[0]))


def _in_words(words: list[str]) -> int:
    """Of "two hundred and five"."""
    total = current = 0
    for word in words:
        number = _WORDS.get(word, word == "one")
        if number >= 1_000:
            total, current = total + max(current, 1) * number, 0
        elif number in (12, 100) and word in ("dozen", "hundred"):
            current = max(current, 1) * number
        else:
            current += number
    return total + current


def _in_chinese(characters: str) -> int:
    """Of 二十五; of digits without steps, as in 二〇二三, the digits in a row; 两万三 is 23,000."""
    if not set(characters) & _STEPS.keys():
        return int("".join(str(_DIGITS[character]) for character in characters))
    total = section = digit = 0
    unit = 1  # of a last digit
    for character in characters:
        if character == "万":
            total, section, digit, unit = (total + section + digit) * 10_000, 0, 0, 1_000
        elif character in _STEPS:
            step = _STEPS[character]
            section, digit, unit = section + (digit or 1) * step, 0, step // 10
        else:
            digit = _DIGITS[character]
            unit = unit if digit else 1
    return total + section + digit * unit
