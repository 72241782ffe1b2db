"""A block for a prompt within a budget: facts, then the turns that support them. Does no I/O.

Facts come first up to a share of the budget, then turns, then more facts in what is left. Turns that these facts
were taken from come after the others: what they say is mostly said. What does not fit is passed over for what is
shorter. The budget is kept to the byte, as tokens are estimated from bytes
(worker/qwen/tokens.py). Each entry is one line: nobody's words look like a heading.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

_KNOWN, _SAID = "Known facts:", "What was said:"
_BYTES_A_TOKEN = 4
_SHORTEST = 24
"""Bytes of a line worth having; for less room no further entry is looked at."""


class Entry(Protocol):
    @property
    def line(self) -> str:
        """What it looks like in the block."""


class Citing(Entry, Protocol):
    @property
    def cited(self) -> Collection[str]:
        """Ids of the turns that it was taken from."""


class Cited(Entry, Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=Entry)
F = TypeVar("F", bound=Citing)
T = TypeVar("T", bound=Cited)


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
    told = {turn_id for fact in known for turn_id in fact.cited}
    said, used = _taken(sorted(turns, key=lambda turn: turn.id in told), _SAID, left)
    more, _ = _taken([f for f in facts if f not in known], "" if known else _KNOWN, left - used)
    return [f for f in facts if f in known or f in more], [t for t in turns if t in said]


def written(facts: Sequence[Entry], turns: Sequence[Entry]) -> str:
    """The block; empty if there is nothing."""
    sections = ((_KNOWN, facts), (_SAID, turns))
    return "\n\n".join(
        "\n".join([heading, *(entry.line for entry in entries)])
        for heading, entries in sections
        if entries
    )


def _taken(entries: Iterable[E], heading: str, most: int) -> tuple[list[E], int]:
    """What fits into so many bytes, and how many it takes, with the heading and an empty line if there is one."""
    taken: list[E] = []
    used = len(heading) + 2 if heading else 0
    for entry in entries:
        if used + _SHORTEST > most:
            break
        cost = len(entry.line.encode()) + 1
        if used + cost <= most:
            taken.append(entry)
            used += cost
    return (taken, used) if taken else ([], 0)
