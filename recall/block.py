"""A block for a prompt within a budget: facts, then the turns that support them. Does no I/O.

Facts come first up to a share of the budget, then turns, then more facts in what is left. What does not fit is
passed over for what is shorter. The budget is kept to the byte, as tokens are estimated from bytes
(worker/qwen/tokens.py). Each entry is one line: nobody's words look like a heading.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

_KNOWN, _SAID = "Known facts:", "What was said:"
_BYTES_A_TOKEN = 4
_SHORTEST = 24
"""Bytes of a line worth having; for less room no further entry is looked at."""


class Entry(Protocol):
    @property
    def line(self) -> str:
        """What it looks like in the block."""


F = TypeVar("F", bound=Entry)
T = TypeVar("T", bound=Entry)


def fitting(
    facts: Sequence[F], turns: Sequence[T], tokens: int, facts_share: float
) -> tuple[list[F], list[T]]:
    """Of both, the best first, as many as `written` writes in at most `tokens`; in their order.

    A share of 1 leaves turns out, one of 0 facts.
    """
    facts = facts if facts_share > 0 else []
    turns = turns if facts_share < 1 else []
    left = tokens * _BYTES_A_TOKEN
    known, used = _taken(facts, _KNOWN, int(left * facts_share))
    left -= used
    said, used = _taken(turns, _SAID, left)
    more, _ = _taken([f for f in facts if f not in known], "" if known else _KNOWN, left - used)
    return [f for f in facts if f in known or f in more], said


def written(facts: Sequence[Entry], turns: Sequence[Entry]) -> str:
    """The block; empty if there is nothing."""
    sections = ((_KNOWN, facts), (_SAID, turns))
    return "\n\n".join(
        "\n".join([heading, *(entry.line for entry in entries)])
        for heading, entries in sections
        if entries
    )


def _taken(entries: Iterable[T], heading: str, most: int) -> tuple[list[T], int]:
    """What fits into so many bytes, and how many it takes, with the heading and an empty line if there is one."""
    taken: list[T] = []
    used = len(heading) + 2 if heading else 0
    for entry in entries:
        if used + _SHORTEST > most:
            break
        cost = len(entry.line.encode()) + 1
        if used + cost <= most:
            taken.append(entry)
            used += cost
    return (taken, used) if taken else ([], 0)
