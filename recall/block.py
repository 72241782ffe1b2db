"""A block for a prompt within a budget: facts, then the turns that support them. Does no I/O.

Facts come first up to a share of the budget, then turns, then more facts in what is left. Turns that these facts
were taken from come after the others: what they say is mostly said. What does not fit is passed over for what is
shorter. The budget is kept to the byte, as tokens are estimated from bytes
(worker/qwen/tokens.py).

What is of one day stands below it, so that the day is paid for once; the oldest day comes first. Each entry is one
line that begins with a mark of its own: nobody's words look like a heading, or a day.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, TypeVar

_KNOWN, _SAID = "Known facts, by date first known:", "What was said:"
_BETWEEN = "\n\n"
_BYTES_A_TOKEN = 4
_SHORTEST = 24
"""Bytes of a line worth having; for less room no further entry is looked at."""


class Room(NamedTuple):
    """What the facts that are told first leave to turns: ids of those that they were taken from, and tokens."""

    told: set[str]
    tokens: int


class Entry(Protocol):
    @property
    def day(self) -> str:
        """Below which it stands; empty if it is of none."""

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
    known, left = _first(facts, tokens, facts_share)
    said, told = _Section[T](_SAID), _cited(known.entries)
    left -= said.take(sorted(turns, key=lambda turn: turn.id in told), left)
    known.take([fact for fact in facts if fact not in known.entries], left)
    return [f for f in facts if f in known.entries], [t for t in turns if t in said.entries]


def room_for_turns(facts: Sequence[Citing], tokens: int, facts_share: float) -> Room:
    known, left = _first(facts, tokens, facts_share)
    return Room(_cited(known.entries), left // _BYTES_A_TOKEN)


def written(facts: Iterable[Entry], turns: Iterable[Entry]) -> str:
    """The block; empty if there is nothing. What is of one day stands in the order given."""
    sections = ((_KNOWN, list(_lines(facts))), (_SAID, list(_lines(turns))))
    return _BETWEEN.join("\n".join([heading, *lines]) for heading, lines in sections if lines)


def _lines(entries: Iterable[Entry]) -> Iterator[str]:
    for day, of_day in groupby(sorted(entries, key=attrgetter("day")), attrgetter("day")):
        if day:
            yield day
        yield from (entry.line for entry in of_day)


def _first(facts: Sequence[F], tokens: int, facts_share: float) -> tuple["_Section[F]", int]:
    """Facts up to their share, and the bytes that they leave."""
    known = _Section[F](_KNOWN)
    room = tokens * _BYTES_A_TOKEN - 1 + len(_BETWEEN)  # which does not stand before the first
    return known, room - known.take(facts, int(room * facts_share))


def _cited(facts: Iterable[Citing]) -> set[str]:
    return {turn_id for fact in facts for turn_id in fact.cited}


class _Section(Generic[E]):
    """Entries that were taken, below a heading and their days."""

    def __init__(self, heading: str) -> None:
        self.entries: list[E] = []
        self._heading = heading
        self._days = {""}

    def take(self, entries: Iterable[E], most: int) -> int:
        """Take what fits into so many bytes; returns how many it takes."""
        used = 0
        for entry in entries:
            if used + _SHORTEST > most:
                break
            cost = self._cost(entry)
            if used + cost <= most:
                self.entries.append(entry)
                self._days.add(entry.day)
                used += cost
        return used

    def _cost(self, entry: E) -> int:
        """Bytes, with a line break; of the first of a day that, too, and of the first of all the heading."""
        lines = [entry.line] if entry.day in self._days else [entry.day, entry.line]
        heading = 0 if self.entries else len(_BETWEEN) + len(self._heading)
        return heading + sum(len(line.encode()) + 1 for line in lines)
