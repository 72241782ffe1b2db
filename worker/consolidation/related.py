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

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tablestore_memory.worker.consolidation.similarity import Matrix, closeness, hubs, rare_words
from tablestore_memory.worker.stores.memories import Embedded, Memory, normalised

_STATES = ("profile", "preference", "relationship", "instruction")
# Words by which people tell that something ended, and those by which they may.
_END = re.compile(
    r"\b(?:moved (?!on)|quit|quitting|stopped|gave up|no longer|not? any ?more|anymore|died|retired|separated"
    r"|divorced|broke up|closed down|sold|last day at|laid off|got the job|starts? (?:work|at)|began at)\b"
    r"|卖了|卖掉|转让|入职|跳槽|离职|辞|下岗|裁员|失业|毕业|退[休学出役]|停[业办产]|关[门张店]|倒闭|解散"
    r"|调[到去岗动离任]|改到|搬[到家走去进离出回]|不再|再也[不没]|已经不|戒[了掉烟酒]|分[手居开]|离[婚开世]|去世|过世|走散"
)
_CHANGE = re.compile(
    r"\b(?:became|becom\w+|turned|chang\w+|switch\w+|left|instead|now|again|back|lost|married|cancel\w+|postponed|moves?)\b"
    r"|推迟|延[期后迟]|提前|换|改[成为到用期吃喝去回在做当天]|成[为了]|变[成得了]|现在|如今|目前|丢了|结婚|订婚|取消|作废"
    r"|又[去来开吃喝在]|重新|恢复|升[职为任]|当上|转[到去行业岗学]|回到|不[想用去做喝吃要].?了|没[有]?了"
)
# What somebody has one of at a time, however differently it is told: a home, a job.
_ONE_AT_A_TIME = (
    re.compile(
        r"\b(?:lives?|living|resides?) (?:in|at|near|with)\b|\b(?:flat|apartment|house|home) (?:is|in)\b"
        r"|\bmoved (?:in|to|back|home)\b|住[在到进]?|搬[到家回去进]|家在|定居"
    ),
    re.compile(
        r"\b(?:works?|working) (?:at|for|as|in)\b|\bjob\b|\bemployed\b|\bfreelance|\bunemployed\b|\bretired\b"
        r"|\b(?:is|as|became) an? (?:[\w-]+ ){1,3}(?:at|for|with)\b|\bteach(?:es|er)\b|\blast day at\b"
        r"|工作|上班|入职|离职|跳槽|失业|退休|自由职业|[是当做](?:了)?[^，。]{0,8}(?:护士|老师|医生|设计师|工程师|经理)"
    ),
)
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
    same_time: float = 0.3
    """So much less, where the other is a plan for a time in which the new fact happens."""
    other_subject: float = 0.15
    """So much more, where two are about different subjects."""
    shown: float = 0.1
    """So much less, once a model is asked anyway."""
    first_shown: float = 0.3
    """So much less, for the likeliest of each fact."""
    most: int = 3
    """Others that are shown beside a fact."""

    def related(self, new: Sequence[Embedded], known: Sequence[Embedded]) -> list[Pair]:
        """What may have to do with each other, the likeliest first; nothing if no pair is worth a question.

        The place of the other is among the known and then the new; of these only those before the fact count.
        """
        every = [*known, *new]
        scores = self._scores(new, every)
        pairs = [
            pair
            for n, fact in enumerate(new)
            for pair in self._likeliest(n, fact, every[: len(known) + n], scores[n])
        ]
        asks = any(pair.margin >= 0 for pair in pairs)
        return sorted(pairs, key=lambda pair: -pair.margin) if asks else []

    def _likeliest(
        self, n: int, fact: Embedded, others: Sequence[Embedded], scores: Matrix
    ) -> list[Pair]:
        pairs = [
            Pair(float(score) - self._needed(fact.memory, other.memory), n, place)
            for place, (other, score) in enumerate(zip(others, scores, strict=False))
            if other.memory.document_id != fact.memory.document_id
        ]
        likely = (
            pair
            for pair in pairs
            if pair.margin >= 0 or _may_end(fact.memory, others[pair.other].memory)
        )
        likeliest = sorted(likely, key=lambda pair: -pair.margin)[: self.most]
        return [
            pair
            for rank, pair in enumerate(likeliest)
            if pair.margin >= -(self.shown if rank else self.first_shown)
        ]

    def _needed(self, new: Memory, old: Memory) -> float:
        needed = self.needed.get(old.kind, self.needed["fact"])
        if new.kind == "plan":  # what is yet to come ends no state
            needed = max(needed, self.needed["plan"])
        elif old.kind in _STATES:
            needed -= self._less(normalised(new.text), new, old)
            needed -= self.one_at_a_time * _are_of_one_thing(new, old)
        elif old.kind == "event" and _END.search(normalised(new.text)):
            needed -= self.ended_event
        if old.kind == "plan" and _at_one_time(new, old):
            needed -= self.same_time
        return needed + self.other_subject * (not _share_a_subject(new, old))

    def _less(self, text: str, new: Memory, old: Memory) -> float:
        """By how much less is needed, as what is told may end a state."""
        if _END.search(text):
            return self.end + self.same_kind * (new.kind == old.kind)
        if _CHANGE.search(text):
            return self.change
        return -self.alike * (old.kind != "profile")

    def _scores(self, new: Sequence[Embedded], every: Sequence[Embedded]) -> Matrix:
        """A row for each new fact, a column for each of all; the new ones come last."""
        memories = [each.memory for each in every]
        words = rare_words(memories)
        close = closeness([each.vector for each in every], words)
        scores: Matrix = close + self.words * words
        scores -= self.hubs * hubs(close, [_subject(memory) for memory in memories])
        return scores[len(every) - len(new) :]


def _are_of_one_thing(new: Memory, old: Memory) -> bool:
    texts = [normalised(each.text) for each in (new, old)]
    alike = any(all(map(each.search, texts)) for each in _ONE_AT_A_TIME)
    return alike and _subject(new) == _subject(old)


def _may_end(new: Memory, old: Memory) -> bool:
    """Whether one may end the other though little tells of it: no advice does, and no event ends a state so."""
    if "fact" in (new.kind, old.kind):
        return False
    return new.kind != "event" or old.kind not in _STATES


def _at_one_time(one: Memory, other: Memory) -> bool:
    """Whether both begin on one day, or month if that is all that is known."""
    begins = [(each.event_start or "").rstrip("~") for each in (one, other)]
    return all(len(day) > len("2023") for day in begins) and begins[0] == begins[1]


def _share_a_subject(one: Memory, other: Memory) -> bool:
    """Whether either speaks of whom or what the other is about."""
    about, other_about = _subject(one), _subject(other)
    return (
        about == other_about
        or about in normalised(other.text)
        or other_about in normalised(one.text)
    )


def _subject(memory: Memory) -> str:
    return normalised(memory.subject or memory.said_by or "")
