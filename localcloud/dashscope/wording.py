"""How a matched clause becomes a sentence for someone who was not there.

Owns names for pronouns, the third person of verbs, and the judgement that an object only points
("it", "your idea") and so says nothing to a later reader.
"""

import re

from tablestore_memory.localcloud.dashscope.rules import Rule

MOST_WORDS = 40
POINTS = re.compile(
    r"(?i)\b(?:it|its|it's|them|you|your|yours|you're|ya|y'all|u|he|she|they|they're|his|him|there)\b"
    r"|^(?:there|here|how|what|when|who|so|to do|everything|something|things?|one|some|more|doing)\b"
    r"|^(?:that|this|these|those)\b(?!\s+\w+\s+\w)|^that (?:i|we|the|my)\b"
    r"|(?:^|\s)(?:an?|the|to|of|for|with|at|in|on|and|or|this|that|these|those|few|ton|lot|bit)$"
    r"|\b(?:of|about|to|at|on|with|for) that\b(?!\s+\w+\s*$)"
    r"|\bthis\b(?! (?:spring|summer|fall|autumn|winter|semester|season)\b)"
    r"|^[这那它您他她]|你|您"
)
TAIL = re.compile(
    r"(?i)(?:(?:[\s,]+(?:too|as well|though|tho|lol|haha|so much|a lot|right now|these days|either|"
    r"btw|anyway|of course|by the way|also|now|already|again))|[\s\W]*[\U0001f300-\U0001faff\u2600-\u27bf]"
    r"|[\s:;,、]+)+$"
)
# The speaker is the subject of every English wording, so "their" can mean nobody else.
FIRST_PERSON = [
    (re.compile(r"\b(?:I'm|I am)\b", re.IGNORECASE), "they are"),
    (re.compile(r"\bI've\b", re.IGNORECASE), "they have"),
    (re.compile(r"\b(?:I|we)\b"), "they"),
    (re.compile(r"\b(?:my|our)\b", re.IGNORECASE), "their"),
    (re.compile(r"\bmine\b", re.IGNORECASE), "theirs"),
    (re.compile(r"\b(?:me|us)\b"), "them"),
    (re.compile(r"\b(?:myself|ourselves)\b", re.IGNORECASE), "themself"),
]


def worded(rule: Rule, match: re.Match[str], who: str, language: str) -> str | None:
    """The fact a match states; None where it says too little to be kept."""
    parts = {name: TAIL.sub("", said).strip() for name, said in match.groupdict("").items()}
    if any(POINTS.search(parts.get(name, "")) for name in "xy"):
        return None
    if any(match.groupdict().get(name) and not parts[name] for name in "xy"):
        return None
    if parts.get("x", "").casefold() == who.casefold():  # "Mei's name is Mei"
        return None
    text = (
        _chinese(rule, match, parts, who) if language == "zh" else _english(rule, match, parts, who)
    )
    return text if len(text.split()) <= MOST_WORDS else None


def _chinese(rule: Rule, match: re.Match[str], parts: dict[str, str], who: str) -> str:
    clause = match[0].replace("我们家", who + "家").replace("我们", who + "等人").replace("我", who)
    if who not in clause and rule.text == "{clause}":
        clause = who + clause
    return rule.text.format(who=who, clause=clause, **parts)


def _english(rule: Rule, match: re.Match[str], parts: dict[str, str], who: str) -> str:
    if parts.get("x") and match.start("x") == 0:  # "Lost my job …": the subject was left out
        parts["x"] = parts["x"][:1].lower() + parts["x"][1:]
    told = {name: _told(part) for name, part in parts.items()}
    several = bool(told.pop("we", ""))
    verb = told.get("v", "")
    return rule.text.format(
        who=f"{who} and others" if several else who,
        be="are" if several else "is",
        have="have" if several else "has",
        vs=verb if several else third_person(verb),
        **told,
    )


def _told(text: str) -> str:
    """Told by somebody else: "my sister and I" is "their sister and they"."""
    for pronoun, instead in FIRST_PERSON:
        text = pronoun.sub(instead, text)
    return text


def third_person(verb: str) -> str:
    """like -> likes, study -> studies, teach -> teaches."""
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("ch", "sh", "s", "x", "o")) else "s") if verb else ""
