"""Which memories may have to do with each other, so that a model should look at both.

Vectors alone do not tell: of sentences about one person those that contradict each other are often further
apart than those that merely sound alike, and a memory such as "Cal is a musician" is near to everything. So the
score of a pair adds up

- closeness: the cosine, counted from what is usual between this user's memories (0) up to the same text (1), so
  that it means the same with embeddings of another scale;
- the rare words both have;
- less, if one of them is as close to everything else about its subject;
- more, where something happens when it was planned.

and how much is needed depends on what both are: a state may end another one, an event hardly ever does. Nothing
here does I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tablestore_memory.worker.consolidation.similarity import Matrix, closeness, hubs, rare_words
from tablestore_memory.worker.consolidation.tells import Told
from tablestore_memory.worker.stores.memories import Embedded, Memory

_STATES = ("profile", "preference", "relationship", "instruction")
_NEEDED = MappingProxyType(
    {
        **dict.fromkeys(_STATES, 0.66),
        "plan": 0.66,
        "fact": 0.95,
        "event": 1.35,
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A new fact and another that it may have to do with: their places, and by how much more than is needed."""

    margin: float
    new: int
    other: int


@dataclass(frozen=True, slots=True)
class Relatedness:
    """How much the parts of a score weigh, and how much is needed for a model to be asked.

    It is least where the older of two is a state that ends when something changes; what two say of plans, and
    more so of anything else, has to be much alike; what happened has happened.
    """

    words: float = 1.0
    hubs: float = 1.0
    needed: Mapping[str, float] = field(default_factory=lambda: _NEEDED)  # 3.11 takes no other
    change: float = 0.2
    """So much less, where the new fact tells of a change and the other of a state."""
    end: float = 0.36
    """So much less, where the new fact tells that something ended."""
    alike: float = 0.1
    """So much more, where nothing tells of a change, and tastes or the like are told again and again."""
    same_kind: float = 0.1
    """And less again, where both are of one kind: a relationship ends another."""
    ended_event: float = 0.6
    """So much less, where it ended, and what happened before may be of it: what was bought is sold."""
    one_at_a_time: float = 0.5
    """So much less, where both tell of a home, or of a job."""
    birth: float = 0.8
    """So much less, where both tell of a birth, be it to come."""
    same_time: float = 0.3
    """So much less, where the other is a plan for a time in which the new fact happens."""
    came_true: float = 0.1
    """So much less, where the other is a plan, and the new fact tells what happened; again, if that is an end."""
    other_subject: float = 0.15
    """So much more, where two are about different subjects."""
    shown: float = 0.1
    """So much less, once a model is asked anyway."""
    first_shown: float = 0.15
    """So much less, for the likeliest of each fact."""
    change_shown: float = 0.2
    """So much less, for all of one that tells of an end, a change, or a birth."""
    most: int = 3
    """Others that are shown beside a fact."""
    most_changed: int = 5
    """And beside one that tells of an end, a change, or a birth."""

    def related(self, new: Sequence[Embedded], known: Sequence[Embedded]) -> list[Pair]:
        """What may have to do with each other, the likeliest first; nothing if no pair is worth a question.

        The place of the other is among the known and then the new; of these only those before the fact count.
        """
        every = [*known, *new]
        told = [Told(each.memory) for each in every]
        scores = self._scores(every, told)[len(known) :]
        pairs = [
            pair
            for n, fact in enumerate(told[len(known) :])
            for pair in self._likeliest(n, fact, told[: len(known) + n], scores[n])
        ]
        asks = any(pair.margin >= 0 for pair in pairs)
        return sorted(pairs, key=lambda pair: -pair.margin) if asks else []

    def _likeliest(self, n: int, fact: Told, others: Sequence[Told], scores: Matrix) -> list[Pair]:
        pairs = [
            Pair(float(score) - self._needed(fact, other), n, place)
            for place, (other, score) in enumerate(zip(others, scores, strict=False))
            if other.memory.document_id != fact.memory.document_id
        ]
        likely = (pair for pair in pairs if pair.margin >= 0 or _may_end(fact, others[pair.other]))
        likeliest = sorted(likely, key=lambda pair: -pair.margin)
        if fact.ends or fact.changes or fact.of_birth:
            most, first, further = self.most_changed, self.change_shown, self.change_shown
        else:
            most, first, further = self.most, self.first_shown, self.shown
        return [
            pair
            for rank, pair in enumerate(likeliest[:most])
            if pair.margin >= -(further if rank else first)
        ]

    def _needed(self, new: Told, old: Told) -> float:
        kind, old_kind = new.memory.kind, old.memory.kind
        needed = self.needed.get(old_kind, self.needed["fact"])
        if kind == "plan":  # what is yet to come ends no state
            needed = max(needed, self.needed["plan"])
        elif old_kind in _STATES:
            needed -= self._less(new, old) + self.one_at_a_time * _have_one_thing(new, old)
        elif old_kind == "event" and new.ends:
            needed -= self.ended_event
        if kind != "plan" and old_kind != "event" and new.of_birth and old.of_birth:
            needed -= self.birth
        if old_kind == "plan":
            needed -= self.same_time * _at_one_time(new.memory, old.memory)
            needed -= self.came_true * ((kind == "event") + (kind != "plan" and new.ends))
        return needed + self.other_subject * (not _share_a_subject(new, old))

    def _less(self, new: Told, old: Told) -> float:
        """By how much less is needed, as what is told may end a state."""
        if new.ends:
            return self.end + self.same_kind * (new.memory.kind == old.memory.kind)
        if new.changes:
            return self.change
        return -self.alike * (old.memory.kind != "profile")

    def _scores(self, every: Sequence[Embedded], told: Sequence[Told]) -> Matrix:
        """A row and a column for each."""
        words = rare_words([each.memory for each in every])
        close = closeness([each.vector for each in every], words)
        scores: Matrix = close + self.words * words
        scores -= self.hubs * hubs(close, [each.subject for each in told])
        return scores


def _have_one_thing(new: Told, old: Told) -> bool:
    same = not new.had_one_at_a_time.isdisjoint(old.had_one_at_a_time)
    return same and not new.names.isdisjoint(old.names)


def _may_end(new: Told, old: Told) -> bool:
    """Whether one may end the other though little tells of it: no advice does, and no event that is just that."""
    kind, old_kind = new.memory.kind, old.memory.kind
    if "fact" in (kind, old_kind):
        return False
    return kind != "event" or old_kind not in _STATES or new.ends or new.changes


def _at_one_time(one: Memory, other: Memory) -> bool:
    """Whether both begin on one day, or month if that is all that is known."""
    begins = [(each.event_start or "").rstrip("~") for each in (one, other)]
    return all(len(day) > len("2023") for day in begins) and begins[0] == begins[1]


def _share_a_subject(one: Told, other: Told) -> bool:
    """Whether either speaks of whom or what the other is about, by whichever name."""
    return not one.names.isdisjoint(other.names) or other.speaks_of(one) or one.speaks_of(other)
