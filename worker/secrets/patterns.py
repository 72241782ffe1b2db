"""What secrets look like, and what only looks like one. Does no I/O.

All patterns are RE2's, which matches in linear time (docs/decisions/secrets.md). It keeps looking only as
far as a repetition may reach, so an unbounded one stands at the end of its pattern, where what it
reads is part of the match. Patterns are for a folded text, in ASCII but for Chinese words.
"""

from typing import Any

import re2

Match = Any  # RE2's package ships no types
# A character for a character: full width becomes half, typographic spaces and dashes plain ones.
_FOLDS = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_FOLDS |= dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], 0x20)
_FOLDS |= dict.fromkeys([*range(0x2010, 0x2016), 0x2212], 0x2D)
OPTIONS = re2.Options()
OPTIONS.log_errors = False  # it would write to standard error


def folded(text: str) -> str:
    """As long as `text` and as readable, with one form for each digit, dash, colon and space."""
    if text.isascii():
        return text
    return text.translate(_FOLDS).encode(errors="replace").decode()


SHAPES = re2.compile(
    "|".join(
        (
            # Private keys in PEM, PGP or SSH2 form up to their end, or that of the text.
            r"-{2,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?s:.*?)(?:-{2,5} ?END [A-Z0-9 ]{0,60}-{2,5}|\z)",
            r"\bgithub_pat_[A-Za-z0-9_]{20,}",
            r"\bgh[opsur]_[A-Za-z0-9]{16,}",
            r"\bgl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_.-]{15,}",
            r"\bxox[a-z]-[A-Za-z0-9-]{10,}",
            r"\bxapp-[A-Za-z0-9-]{10,}",
            r"\b(?:AKIA|ASIA|ABIA|LTAI|AKID)[A-Za-z0-9]{12,}",  # AWS, Alibaba Cloud, Tencent Cloud
            r"\bSTS\.[A-Za-z0-9]{16,}",
            r"\bAIza[A-Za-z0-9_-]{30,}",  # Google
            r"\bya29\.[A-Za-z0-9_-]{20,}",
            r"\bGOCSPX-[A-Za-z0-9_-]{20,}",
            r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}",  # SendGrid
            r"\bdop_v1_[a-f0-9]{32,}",
            r"\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}",  # Shopify
            r"\bdckr_pat_[A-Za-z0-9_-]{20,}",
            r"\bhvs\.[A-Za-z0-9_-]{20,}",  # Vault
            r"\bAGE-SECRET-KEY-1[A-Z0-9]{30,}",
            r"\b\d{8,10}:AA[A-Za-z0-9_-]{30,}",  # Telegram
            r"\bhooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
            r"\beyJ[A-Za-z0-9_.-]{10,}",  # JSON web tokens
            r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://(?P<login>[^\s/?#@:]{0,100}:[^\s/?#]{1,400})@",
            # Identity numbers of the PRC, with the day of birth; social security numbers of the USA.
            r"\b\d{6}[ -]?(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx]\b",
            r"\b\d{3}-\d{2}-\d{4}\b",
        )
    ),
    OPTIONS,
)

# Beginnings that words have too: a secret only if what follows looks random.
DOUBTFUL = re2.compile(
    r"\b(?:(?:sk|pk|rk|hf|npm|pypi|key|nvapi|gsk|xai|r8|whsec|rubygems)[-_]"
    r"|(?i:bearer|basic) {1,3})(?P<key>[A-Za-z0-9_.~+/=-]{8,})",
    OPTIONS,
)

# A label, and what joins it to its value: "is", a colon, or nothing.
LABELS = re2.compile(
    r"(?i)(?:(?P<changed>(?:chang|set|reset|updat)[a-z]{0,3} (?:[a-z]{1,12} ){0,2}password to\s)"
    r"|(?P<password>pass(?:word|wd|code|phrase)s?|\bpwd|\bpw|密码|密碼|口令)"
    r"|(?P<token>secret|token|\bkey|[a-z][_-]?key|credentials?|signature|authorization"
    r"|密钥|秘钥|令牌)"
    r"|(?P<number>\bpin|\bcvv2?|\bcvc|\botp|\bssn|social security number|passport(?: number)?"
    r"|(?:verification|security|one-time|login) code|验证码|校验码|身份证号?码?|护照号?码?))"
    r"(?:(?P<s>['’]s\s)|[\"'*\])`]{0,3}"
    r"(?:(?: (?:for|to|of|on|at)(?: [^\s.,;:!?=]{1,30}){1,3}?)??"
    r"(?:(?P<named>\s{0,3}(?:(?:is|are|was|were|为|是)\s{0,3})?[:=]{1,2}>?)"
    r"|(?P<said>\s{1,3}(?:is|are|was|were)\b|\s{0,3}(?:是|[改设换]?[为成]了?))))?)[\s*]{0,4}",
    OPTIONS,
)
# Characters that are looked at for a value: few at first, as a text may hold thousands of labels. A longer
# value is masked up to the last of them.
_REACHES = (128, 4096)
_QUOTES = "\"'“`「"
_QUOTED = r"\"[^\"\n]+\"|'[^'\n]+'|“[^”\n]+”|`[^`\n]+`|「[^」\n]+」"
_NAMED = re2.compile(rf"{_QUOTED}|[^\s。，；！？、]+", OPTIONS)
_SAID = re2.compile(rf"{_QUOTED}|[^\s。，；！？、\p{{Han}}]+", OPTIONS)  # 密码是什么 gives nothing
_NUMBER = re2.compile(r"[A-Za-z]{0,2}\d{3,30}[Xx]?", OPTIONS)
# What goes on after "the password is" when it is not told.
_ORDINARY = re2.compile(
    r"(?i)an?|the|th[ai]t|this|these|those|it|its|to|too|so|very|quite|really|rather|pretty|just|only"
    r"|also|still|already|always|never|ever|not?|now|then|there|here|yet|gone|lost|stolen|hidden|known"
    r"|unknown|broken|forgotten|taken|written|given|good|bad|safe|secure|insecure|weak|strong|long|short"
    r"|simple|easy|hard|complex|difficult|old|new|same|different|wrong|right|correct|incorrect|valid"
    r"|invalid|public|private|secret|unique|empty|blank|due|about|at|by|for|from|in|into|of|off|on|out"
    r"|over|under|up|with|without|like|as|if|because|since|when|where|what|which|who|whose|why|how|and"
    r"|or|but|my|your|his|her|our|their|mine|yours|ours|theirs|one|two|some|any|all|both|each|every"
    r"|none|nothing|something|everything|being|been|set|kept|sent|reset|[a-z]+(?:ed|ing|able|ible|ly)",
    OPTIONS,
)
_RUNS = re2.compile(r"[A-Za-z0-9]{8,}", OPTIONS)
_GROUPS = re2.compile(r"[A-Za-z0-9]{3,8}(?:-[A-Za-z0-9]{3,8}){2,12}", OPTIONS)  # 9fK2-aaQ1-zzz9


def value_after(label: Match, text: str) -> tuple[int, int] | None:
    """Where the secret stands that a label announces; None if what follows is no secret."""
    start, pattern, value = label.end(), _NAMED if label["named"] else _SAID, ""
    for reach in _REACHES:
        found = pattern.match(text[start : start + reach])
        value = found[0] if found else ""
        if len(value) < reach:
            break
    if value[:1] not in _QUOTES:
        value = value.rstrip(".,;:!?)'\"")
    return (start, start + len(value)) if value and _is_told(label, value) else None


def _is_told(label: Match, value: str) -> bool:
    """Whether it is the secret itself, and not something about it."""
    if label["token"]:
        return looks_random(value) or _is_in_groups(value)
    if label["number"]:
        return bool(_NUMBER.fullmatch(value))
    if label["named"]:
        return True
    if label["said"] or label["s"] or label["changed"]:
        return value[0] in _QUOTES or (len(value) >= 3 and not _ORDINARY.fullmatch(value))
    return len(value) >= 6 and any(character.isdigit() for character in value)


def _is_in_groups(value: str) -> bool:
    """Whether it is written as keys of licences are, with letters and digits."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return mixed and bool(_GROUPS.fullmatch(value))


def looks_random(value: str) -> bool:
    """Whether letters and digits, or large and small letters, are mixed as in no word."""
    has_letters = not value.isdigit()
    return any(
        (has_letters and any(map(str.isdigit, run)))
        or len(run) >= 20
        or (len(run) >= 12 and not (run[1:].islower() or run.isupper()))
        for run in _RUNS.findall(value)
    )
