"""One order from several: reciprocal rank fusion, with small boosts. Does no I/O.

A list gives its n-th entry 1 / (60 + n), whatever its own scores: those of vectors and of words do not compare.
Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009), k = 60.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from tablestore_memory.worker.stores.memory import Memory

T = TypeVar("T")
_K = 60

# Of what the searches gave: enough to move an entry over its near neighbours, not past what fits much better.
RECENCY = 0.1
"""For a fact said just now; half of it for one of 30 days ago, a quarter for one of 60."""
_HALF_LIFE_US = 30 * 86_400 * 1_000_000
PAST_PLAN = -0.05
"""For a plan whose day is over."""


@dataclass(slots=True)
class Candidate(Generic[T]):
    """Something found, with what gave it how much."""

    item: T
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(self.scores.values())


def fused(lists: Mapping[str, Iterable[T]], key: Callable[[T], object]) -> list[Candidate[T]]:
    """All entries of all lists, each once, in no order."""
    candidates: dict[object, Candidate[T]] = {}
    for name, ranked in lists.items():
        for rank, item in enumerate(ranked, 1):
            candidate = candidates.setdefault(key(item), Candidate(item))
            candidate.scores.setdefault(name, reciprocal(rank))
    return list(candidates.values())


def reciprocal(rank: int) -> float:
    """What a list gives its entry of this rank, from 1."""
    return 1 / (_K + rank)


def best_first(candidates: Iterable[Candidate[T]]) -> list[Candidate[T]]:
    return sorted(candidates, key=lambda candidate: -candidate.score)


def boost(candidates: Sequence[Candidate[Memory]], now: int) -> None:
    """Add what recency gives, and take off what a plan of the past loses; `now` in µs."""
    today = datetime.fromtimestamp(now / 1e6, UTC).date().isoformat()
    for candidate in candidates:
        memory, found = candidate.item, candidate.score
        age_us = max(0, now - memory.stated_at)
        candidate.scores["recency"] = found * RECENCY * 0.5 ** (age_us / _HALF_LIFE_US)
        day = memory.event_end or memory.event_start
        if memory.kind == "plan" and day is not None and day < today:
            candidate.scores["validity"] = found * PAST_PLAN
