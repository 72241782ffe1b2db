"""Texts that hold a secret never become facts: keys, passwords, card and ID numbers.

Masked before a text goes to a model, and looked for again in what comes back. It knows shapes, so it can
miss one; it stores nothing.
"""

import re

_SHAPES = re.compile(
    r"""
    \b(?:sk|pk|rk|ghp|gho|xox[abp]|glpat|hf)[-_][A-Za-z0-9_-]{10,}   # keys with a known prefix
    | \b(?:AKIA|ASIA|LTAI)[A-Za-z0-9]{12,}                           # cloud access keys
    | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}                    # JSON web tokens
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY
    | (?P<label>(?:password|passwd|passphrase|secret|api[ _-]?key|token|密码|口令|密钥)
      \s*(?:is|are|was|=|:|：|为|是)\s*)[^\s。，；！？]*[^\s.,;!?。，；！？]
    | \b\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])\d{5}[\dXx]\b            # PRC identity numbers
    | \b\d{3}-\d{2}-\d{4}\b                                          # US social security numbers
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")


_MASK = "[secret]"


def masked(text: str) -> str:
    """The text without its secrets: what is sent to a model, shown or listed."""
    hidden = _SHAPES.sub(lambda found: (found["label"] or "") + _MASK, text)
    return _CARD.sub(lambda found: _MASK if _luhn(found[0]) else found[0], hidden)


def holds_secret(text: str) -> bool:
    return (
        _MASK in text
        or bool(_SHAPES.search(text))
        or any(_luhn(match[0]) for match in _CARD.finditer(text))
    )


def _luhn(number: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
