"""What was found as entries of the block, and as what a caller gets. Does no I/O.

Turns may hold secrets: they are masked as they are for extraction. So are memories that an app keeps word for
word; facts were looked at when they were extracted. An entry is equal to itself alone: a comparison of all its
fields costs a tenth of a recall.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import get_args

from tablestore_memory.protocol.events import Role
from tablestore_memory.recall.ranking import Candidate
from tablestore_memory.recall.results import Quote, RecalledMemory, RecalledTurn
from tablestore_memory.worker.secrets.masking import masked
from tablestore_memory.worker.stores.columns import moment
from tablestore_memory.worker.stores.documents import DOCUMENT
from tablestore_memory.worker.stores.memory import Memory, session_of
from tablestore_memory.worker.stores.messages import MessageRow, Turn

# A pasted page would take the whole budget; what is worth knowing of it is said about it.
_LONGEST = 1_200  # characters, about 300 tokens of English
_LONGEST_SPEAKER = 100
_COLONS = re.compile("[:：]")
_ROLES = frozenset(get_args(Role))
_MARGIN = 4_000  # a secret that begins before the cut is seen as a whole


@dataclass(frozen=True, eq=False)
class Fact:
    """A memory; `until` (µs) where it does not hold any more."""

    candidate: Candidate[Memory]
    until: int | None = None

    @property
    def id(self) -> str:
        return self.candidate.item.document_id

    @property
    def cited(self) -> set[str]:
        return {source.message_id for source in self.candidate.item.sources}

    @cached_property
    def text(self) -> str:
        memory = self.candidate.item
        text = _shown(memory.text) if memory.kind == DOCUMENT else memory.text
        return " ".join(text.split())

    @cached_property
    def day(self) -> str:
        """Since when it is known, or held where it does not any more."""
        since = self.candidate.item.valid_from
        return _day(since) if since else ""

    @cached_property
    def line(self) -> str:
        event = "" if self._tells_its_days else self._event
        until = "" if self.until is None else f"until {_day(self.until)}"
        dates = "; ".join(filter(None, (event, until)))
        return f"- {self.text} ({dates})" if dates else f"- {self.text}"

    @property
    def recalled(self) -> RecalledMemory:
        memory, scores = self.candidate.item, self.candidate.scores
        return RecalledMemory(
            id=memory.document_id,
            text=self.text,
            kind=memory.kind,
            since=moment(memory.valid_from),
            stated_at=moment(memory.stated_at),
            until=None if self.until is None else moment(self.until),
            event_start=memory.event_start,
            event_end=memory.event_end,
            session_id=memory.session_id,
            score=self.candidate.score,
            scores=dict(scores),
            sources=tuple(
                Quote(each.message_id, session_of(each, memory), each.quote)
                for each in memory.sources
            ),
        )

    @property
    def _event(self) -> str:
        start, end = self.candidate.item.event_start, self.candidate.item.event_end
        return f"{start} to {end}" if start and end and start != end else start or end or ""

    @property
    def _tells_its_days(self) -> bool:
        memory = self.candidate.item
        return all(_tells(self.text, day) for day in (memory.event_start, memory.event_end) if day)


@dataclass(frozen=True, eq=False)
class Said:
    """A turn, told by the clock of a zone."""

    candidate: Candidate[MessageRow]
    zone: tzinfo = UTC

    @property
    def id(self) -> str:
        return self.candidate.item.message_id

    @property
    def order(self) -> tuple[int, str]:
        return self.candidate.item.created_at, self.id

    @cached_property
    def turn(self) -> Turn:
        return self.candidate.item.said

    @cached_property
    def text(self) -> str:
        return _shown(self.turn.text)

    @cached_property
    def speaker(self) -> str:
        """By the name that an app gave, often the user's own choice: none that looks like another's words."""
        name = " ".join(_COLONS.sub(" ", masked(self.turn.speaker[:_LONGEST_SPEAKER])).split())
        return self.turn.role if name.casefold() in _ROLES else name

    @cached_property
    def at(self) -> datetime:
        return self.turn.at

    @cached_property
    def day(self) -> str:
        return self.at.astimezone(self.zone).date().isoformat()

    @cached_property
    def line(self) -> str:
        return f"{self.at.astimezone(self.zone):%H:%M} {self.speaker}: {self.text}"

    @property
    def recalled(self) -> RecalledTurn:
        return RecalledTurn(
            message_id=self.id,
            session_id=self.candidate.item.session_id,
            at=self.at,
            role=self.turn.role,
            speaker=self.speaker,
            text=self.text,
            score=self.candidate.score,
            scores=dict(self.candidate.scores),
        )


def _tells(text: str, day: str) -> bool:
    """Four digits alone may be a figure, unless they stand where a year does."""
    if len(day) > len("2023"):
        return day in text
    return bool(re.search(rf"[(/]{day}[)/]|\b(?:in|since|from|until) {day}\b|{day}年", text))


def zone_of(turns: Iterable[Candidate[MessageRow]]) -> tzinfo:
    """In which all turns of a block are told: that of the user, as an app may say no zone for what it answers."""
    zones = (each.item.said.at.tzinfo for each in turns if each.item.said.role == "user")
    return next(filter(None, zones), UTC)


def _shown(text: str) -> str:
    """On one line, without secrets, cut where it is long."""
    line = " ".join(masked(text[: _LONGEST + _MARGIN]).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _day(micros: int) -> str:
    return moment(micros).date().isoformat()
