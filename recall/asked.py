"""A question, checked: what is wrong with an argument is the caller's mistake and raises ValueError, naming it."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Required, Self, TypedDict, get_args

from tablestore_memory.protocol.events import MAX_ID_BYTES, MemoryKind
from tablestore_memory.recall.settings import RecallSettings
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.stores.documents import DOCUMENT

TOKENS = 2_000
FACTS_SHARE = 0.9
KINDS = (*get_args(MemoryKind), DOCUMENT)

# What a model embeds of a text, about (text-embedding-v4: 8,192 tokens); in a search words beyond are no words.
_LONGEST_QUERY = 8_000  # characters
_LONGEST_WORDS = 1_000


class Question(TypedDict, total=False):
    """The arguments of a recall."""

    user_id: Required[str]
    query: Required[str]
    """What the user said, or what is looked for. Of an empty one, only what is fresh is found."""
    tokens: int
    """The most that the block may have, 2,000 if nothing is said."""
    facts_share: float
    """Of the block, at most, while turns can use the rest, 0.9 by default; 0 for turns alone, 1 for facts."""
    kinds: Collection[str] | None
    """Of memories: profile, preference, fact, event, plan, relationship, instruction, document."""
    session_id: str | None
    """Only what was said in this session."""
    since: datetime | None
    """Only what was said from then on, and before `until`."""
    until: datetime | None
    as_of: datetime | None
    """What held then, and what was said until then."""
    deadline_s: float | None
    """Seconds after which there is an answer, whatever is still missing; the setting if nothing is said."""
    rerank: bool | None
    """Whether the best are looked at again by `rerank_model`; they are if there is one and nothing is said."""
    explain: bool
    """Also give what was found and had no room, and the time that each part took."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Times are µs since the epoch. `query` is masked: it is sent to a model."""

    user_id: str
    query: str
    tokens: int
    facts_share: float
    kinds: frozenset[str] | None
    session_id: str | None
    since: int
    until: int | None
    as_of: int | None
    deadline_s: float
    rerank: bool
    explain: bool

    @classmethod
    def checked(cls, settings: RecallSettings, question: Question) -> Self:
        """Raises ValueError; TypeError for an argument that there is not."""
        for name in question.keys() - Question.__annotations__.keys():
            raise TypeError(f"unknown argument: {name}")
        for name in Question.__required_keys__ - question.keys():
            raise TypeError(f"missing argument: {name}")
        kinds = question.get("kinds")
        rerank = question.get("rerank")
        return cls(
            user_id=_id("user_id", question["user_id"]),
            query=_query(question["query"]),
            tokens=_tokens(question.get("tokens", TOKENS)),
            facts_share=_share(question.get("facts_share", FACTS_SHARE)),
            kinds=None if kinds is None else _kinds(kinds),
            session_id=_id("session_id", session)
            if (session := question.get("session_id")) is not None
            else None,
            since=_micros("since", question.get("since")) or 0,
            until=_micros("until", question.get("until")),
            as_of=_micros("as_of", question.get("as_of")),
            deadline_s=settings.deadline_s
            if (seconds := question.get("deadline_s")) is None
            else _seconds(seconds),
            rerank=settings.rerank_model is not None if rerank is None else rerank,
            explain=bool(question.get("explain")),
        )

    @property
    def words(self) -> str:
        """The query for a search by words."""
        return self.query[:_LONGEST_WORDS]

    @property
    def said_before(self) -> int | None:
        """What was said from then on (µs) is not looked for."""
        ends = [self.until, None if self.as_of is None else self.as_of + 1]
        return min((end for end in ends if end is not None), default=None)

    @property
    def seeks_turns(self) -> bool:
        """Whether turns are of any use: they may stand in the block, or all that was found is to be explained."""
        return self.facts_share < 1 or self.explain

    def covers(self, moment: int) -> bool:
        """Whether something said then is asked for."""
        before = self.said_before
        return self.since <= moment and (before is None or moment < before)


def _id(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: must be a text that is not empty")
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{name}: holds half a surrogate pair") from None
    if length > MAX_ID_BYTES:
        raise ValueError(f"{name}: longer than {MAX_ID_BYTES} bytes in UTF-8")
    return value


def _query(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("query: must be a text")
    whole = value[:_LONGEST_QUERY].encode(errors="replace").decode()
    return masked(whole).strip()


def _tokens(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("tokens: must be a whole number from 1 on")
    return value


def _share(value: float) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("facts_share: must be from 0 to 1")
    return value


def _kinds(value: Collection[str]) -> frozenset[str]:
    """A mistyped one would find nothing, which looks as if nothing were known."""
    if isinstance(value, str) or not isinstance(value, Collection):
        raise ValueError("kinds: must be a list of words")
    if any(kind not in KINDS for kind in value):
        raise ValueError(f"kinds: must be of {', '.join(KINDS)}")
    return frozenset(value)


def _seconds(value: float) -> float:
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("deadline_s: must be a positive number of seconds")
    return value


def _micros(name: str, moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError(f"{name}: must be a datetime with its time zone")
    return round(moment.timestamp() * 1e6)
