"""Counting tokens, roughly: one a Chinese character, one per four other characters.

Owns the estimate only. It is near what Qwen's tokenizer gives for plain text, and good for limits
and sums, not for bills.
"""

import re

CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
CHARACTERS_A_TOKEN = 4


def count(text: str) -> int:
    """Tokens of a text, at least 1 unless it is empty."""
    chinese = len(CJK.findall(text))
    return chinese + -(-(len(text) - chinese) // CHARACTERS_A_TOKEN)


def cut(text: str, limit: int) -> str:
    """The longest beginning of the text that has at most `limit` tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
