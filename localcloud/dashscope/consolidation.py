"""What a new fact means for those already known: add, duplicate, refine or supersede.

Owns the comparison of texts. It decides by words alone and leaves the order of time to the caller.
Only what has one value at a time is superseded: a name, a birthday, a home, a job, a favourite, and
whether somebody likes a thing.
"""

# ruff: noqa: E501 - a slot reads as one line of a table

import re
import unicodedata
from typing import Any

from tablestore_memory.localcloud.dashscope.clauses import LONGEST_CLAUSE, language
from tablestore_memory.localcloud.dashscope.wire import Json

# What is single-valued: `s` subject, `k` the narrower key if any, `v` the value, `no` a negation.
# fmt: off
SLOTS = [
    (slot, re.compile(pattern, re.IGNORECASE))
    for slot, pattern in [
        ("name", r"(?P<s>.+?)(?:'s name is| is called) (?P<v>.+)"),
        ("birthday", r"(?P<s>.+?)(?:'s birthday is| was born on) (?P<v>.+)"),
        ("home", r"(?P<s>.+?) (?:(?:now |currently )?lives in|is living in|moved to) (?P<v>.+)"),
        ("age", r"(?P<s>.+?) is (?P<v>\d+) years old"),
        ("work", r"(?P<s>.+?) (?:works|is working) (?P<k>as|at|for) (?P<v>.+)"),
        ("favourite", r"(?P<s>.+?)'s favou?rite (?P<k>.+?) (?:is|are) (?P<v>.+)"),
        ("likes", r"(?P<s>.+?) (?P<v>likes|loves|enjoys|adores|(?P<no>dislikes|hates|cannot stand|does not (?:like|love|enjoy)|no longer (?:likes|loves|enjoys))) (?P<k>.+)"),
        ("name", r"(?P<s>.+?)(?:叫|的称呼是|的名字是)(?P<v>[^\s,，]+)"),
        ("birthday", r"(?P<s>.+?)的?生日(?:是|在)(?P<v>.+)"),
        ("home", r"(?P<s>.+?)(?:\d+年.*?)?(?:现在|目前)?(?:住在|定居在|搬到了?|搬去了?)(?P<v>.+)"),
        ("age", r"(?P<s>.+?)(?:今年)?(?P<v>\d+)岁了?"),
        ("work", r"(?P<s>.+?)(?:现在|目前)?在(?P<v>.+)(?P<k>工作|上班|上学|读书)"),
        ("favourite", r"(?P<s>.+?)最(?:喜欢|爱)的(?P<k>.+?)是(?P<v>.+)"),
        ("likes", r"(?P<s>.+?)(?:很|也|最|非常)*(?P<v>(?P<no>不再喜欢|不太?喜欢|讨厌|受不了)|喜欢|爱|热爱)(?P<k>.+?)了?"),
    ]
]
# fmt: on
DATED = re.compile(r" (?:on|in)(?: the)? (?:week of |weekend of )?(?:\d|[A-Z][a-z]+ \d{4}).*$")
NEGATION = re.compile(r"(?i)\b(?:not|no|never|cannot)\b|n't\b|[不没别]")
NUMBER = re.compile(r"\d+")


DEFAULT_KEYS = dict.fromkeys(["fact", "action", "existing", "text", "reason", "confidence"])
SHORT_KEYS = {
    "n": "fact",
    "do": "action",
    "of": "existing",
    "t": "text",
    "why": "reason",
    "c": "confidence",
}
NAMES = {key: key for key in DEFAULT_KEYS} | SHORT_KEYS


def answer(asked: Json, shown: Json | None = None) -> Json:
    """`{"decisions": […]}`, one for each new fact, in their order, in the keys of the example that is shown.

    What was said before a fact is known when it is decided, also where it is new itself.
    """
    before, new = _listed(asked.get("existing")), _listed(asked["new_facts"])
    numbered_through = _numbered_through(before, new)
    decisions = []
    for fact in new:
        decided = _decision(fact, before)
        decisions.append(_in_words(decided, shown or DEFAULT_KEYS))
        if numbered_through:
            gone = decided["existing"] if decided["action"] == "supersede" else []
            before = [*(known for known in before if known.get("n") not in gone), fact]
    return {"decisions": decisions}


def _listed(given: object) -> list[Json]:
    """Objects, or `[number, …, text]` between lines with a day."""
    items: list[Json] = []
    for item in given if isinstance(given, list) else []:
        match item:
            case dict():
                items.append(item)
            case [number, *_, str(text)]:
                items.append({"n": number, "t": text})
    return items


def _numbered_through(existing: list[Json], new: list[Json]) -> bool:
    """Whether a number means one thing among both."""
    numbers = [item.get("n") for item in (*existing, *new)]
    return len(numbers) == len(set(map(str, numbers)))


def _in_words(decided: Json, shown: Json) -> Json:
    """Under the keys of the example, filled by name; a merged text is told also where none is shown."""
    told = {key: decided[NAMES[key]] for key in shown if key in NAMES}
    needs_text = decided["action"] == "refine" and "text" not in shown
    return told | {"t": decided["text"]} if needs_text else told


def _decision(fact: Json, existing: list[Json]) -> Json:
    new = _text(fact)
    for action, holds, reason in (
        ("duplicate", _same_words, "the same words"),
        ("supersede", _replaces, "another value of what has one at a time"),
        ("refine", _says_more, "says all of it and more"),
    ):
        numbers = [known.get("n") for known in existing if holds(new, _text(known))]
        if numbers:
            return _decided(fact, action, numbers, new if action == "refine" else None, reason)
    return _decided(fact, "add", [], None, "nothing known is about this")


def _text(item: Json) -> str:
    return str(item.get("text") or item.get("t") or "")


def _decided(fact: Json, action: str, numbers: list[Any], text: str | None, reason: str) -> Json:
    return {
        "fact": fact.get("n"),
        "action": action,
        "existing": numbers,
        "text": text,
        "reason": reason,
        "confidence": 0.9,
    }


def _same_words(new: str, old: str) -> bool:
    return _normal(new) == _normal(old)


def _replaces(new: str, old: str) -> bool:
    """Whether both fill the same slot, with different values."""
    here, there = _slot(new), _slot(old)
    if here is None or there is None:
        return False
    return here[0] == there[0] and here[1] != there[1]


def _slot(text: str) -> tuple[tuple[str, ...], str] | None:
    if len(text) > LONGEST_CLAUSE:
        return None
    for name, pattern in SLOTS:
        if match := pattern.fullmatch(text.strip(" .。!！")):
            said = match.groupdict("")
            value = "no" if said.get("no") else "yes" if name == "likes" else said["v"]
            key = (name, _normal(said["s"]), _normal(said.get("k", "")))
            return key, _normal(DATED.sub("", value))
    return None


def _says_more(new: str, old: str) -> bool:
    """All words of the old in the new, no negation and no number changed on the way."""
    if bool(NEGATION.search(new)) != bool(NEGATION.search(old)) or len(_normal(old)) < 4:
        return False
    if not set(NUMBER.findall(old)) <= set(NUMBER.findall(new)):
        return False
    if language(old) == "zh":
        letters = iter(_normal(new))
        return all(letter in letters for letter in _normal(old))  # in the same order
    return set(_words(old)) < set(_words(new)) and _words(old)[:1] == _words(new)[:1]


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", unicodedata.normalize("NFKC", text).casefold())


def _normal(text: str) -> str:
    return " ".join(_words(text)) if language(text) == "en" else "".join(_words(text))
