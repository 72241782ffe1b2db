"""One order from several: reciprocal rank fusion, with small boosts. Does no I/O.

A list gives its n-th entry 1 / (60 + n), whatever its own scores: those of vectors and of words do not compare.
Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009), k = 60.

Words are found wherever one of them stands, so most of such a list shares a common word and nothing else. Its
entries get less, the further their score is from the best one's (docs/decisions/recall.md has what was measured).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from tablestore_memory.recall.days import Days, days_named
from tablestore_memory.worker.stores.columns import moment
from tablestore_memory.worker.stores.memory import Memory

T = TypeVar("T")
_K = 60
_STEEP = 4
"""An entry with half of the best score by words gets a sixteenth of what its rank gives."""

# Of what the searches gave: enough to move an entry over its near neighbours, not past what fits much better.
RECENCY = 0.1
"""For a fact said just now; half of it for one of 30 days ago, a quarter for one of 60."""
_HALF_LIFE_US = 30 * 86_400 * 1_000_000
PAST_PLAN = -0.05
"""For a plan whose day is over."""
NAMED_DAYS = 0.5
"""For what was said, or happens, in days that the question names."""


@dataclass(slots=True)
class Candidate(Generic[T]):
    """Something found, with what gave it how much."""

    item: T
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(self.scores.values())


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """An entry of a list, which gets so much of what its rank gives, from 0 to 1."""

    item: T
    fit: float = 1.0


def listed(items: Iterable[T]) -> list[Listed[T]]:
    """A list in which ranks alone count."""
    return [Listed(item) for item in items]


def listed_by_words(found: Sequence[tuple[T, float]]) -> list[Listed[T]]:
    """What a search by words found, with its scores, the best first."""
    best = found[0][1] if found else 0.0
    return [Listed(item, (score / best) ** _STEEP if best > 0 else 1.0) for item, score in found]


def given(ranked: Iterable[Listed[T]]) -> Iterator[tuple[T, float]]:
    """Each entry of a list, and what the list gives it."""
    return ((entry.item, entry.fit * reciprocal(rank)) for rank, entry in enumerate(ranked, 1))


def reciprocal(rank: int) -> float:
    """What a list gives its entry of this rank, from 1."""
    return 1 / (_K + rank)


def fused(
    lists: Mapping[str, Iterable[Listed[T]]], key: Callable[[T], object]
) -> list[Candidate[T]]:
    """All entries of all lists, each once, in no order."""
    candidates: dict[object, Candidate[T]] = {}
    for name, ranked in lists.items():
        for item, score in given(ranked):
            candidate = candidates.setdefault(key(item), Candidate(item))
            candidate.scores.setdefault(name, score)
    return list(candidates.values())


def best_first(candidates: Iterable[Candidate[T]]) -> list[Candidate[T]]:
    return sorted(candidates, key=lambda candidate: -candidate.score)


def cite(
    candidates: Collection[Candidate[Memory]], name: str, messages: Mapping[str, float]
) -> None:
    """Add to each what the best of its messages has: a fact may say it in other words, or in another language."""
    for candidate in candidates:
        cited = [messages.get(source.message_id, 0.0) for source in candidate.item.sources]
        if score := max(cited, default=0.0):
            candidate.scores[name] = score


def boost(candidates: Sequence[Candidate[Memory]], now: int, question: str) -> None:
    """Add what recency and the days that the question names give, and take off what a plan of the past loses.

    `now` in µs.
    """
    today = day_of(now)
    named = days_named(question, today)
    for candidate in candidates:
        memory, found = candidate.item, candidate.score
        age_us = max(0, now - memory.stated_at)
        candidate.scores["recency"] = found * RECENCY * 0.5 ** (age_us / _HALF_LIFE_US)
        day = memory.event_end or memory.event_start
        if memory.kind == "plan" and day is not None and day < today.isoformat():
            candidate.scores["validity"] = found * PAST_PLAN
        if named and _is_of(named, memory):
            candidate.scores["days"] = found * NAMED_DAYS


def _is_of(named: Iterable[Days], memory: Memory) -> bool:
    """Whether it was said, or happens, in any of these days."""
    said = day_of(memory.stated_at).isoformat()
    start, end = memory.event_start or memory.event_end, memory.event_end or memory.event_start
    return any(days.hold(said) or (start and end and days.touch(start, end)) for days in named)


def day_of(micros: int) -> date:
    """Of a moment, in UTC."""
    return moment(micros).date()
