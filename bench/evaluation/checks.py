"""What a corpus plants, checked in what is remembered of it: secrets, orders, dates, what is no longer true.

Secrets and orders are looked for in the words of memories, quotes and history. A date is that of some memory which
cites the message, as the days it covers: 2025-06 is 1 to 30 June. Whether a memory still says what is over is for
a model to judge.
"""

import calendar
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import numpy as np

from bench.evaluation.conversations import Conversation
from bench.evaluation.judged import Model
from bench.evaluation.recall import cited
from devtools.deployment import Deployment
from devtools.extraction import memory_rows
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory

STALE_VERSION = "stale_v1"
_NEAREST = 10  # memories looked at for each statement, besides those that cite its messages
_LONG = 12  # characters; of shorter ones a date may consist by chance
Days = tuple[date, date]


class _Stale(msgspec.Struct, frozen=True):
    n: int
    stale: list[int] = []


class StaleGiven(msgspec.Struct, frozen=True):
    verdicts: list[_Stale]


@dataclass(frozen=True)
class Planted:
    """A conversation with what was planted, and what is remembered of it."""

    conversation: Conversation
    memories: Sequence[Embedded]
    replaced: Sequence[Replaced]
    texts: Sequence[str]
    """All that was ever kept in words."""

    @classmethod
    def of(cls, deployment: Deployment, conversation: Conversation) -> "Planted":
        ids = [m.document_id for m in memory_rows(deployment) if m.user_id == conversation.user]
        memories = deployment.services.memories.get(ids)
        replaced = deployment.services.history.of_user(conversation.user)
        texts = [text for each in memories for text in _words(each.memory)]
        texts += [text for each in replaced for text in (each.text, each.new_text, each.reason)]
        texts += [source.quote for each in replaced for source in each.sources]
        return cls(conversation, memories, replaced, texts)

    def figures(self, model: Model | None) -> dict[str, dict[str, int]]:
        """All of it; what only a model can tell, if there is one."""
        found = {
            "secrets": self.secrets(),
            "orders": self.orders(),
            "dates": self.dates(),
            "plans": self.plans(),
        }
        return found | ({"updates": self.updates(model)} if model else {})

    def secrets(self) -> dict[str, int]:
        values = [each["value"] for each in self._planted("secrets")]
        leaked = sum(any(_holds(text, value) for text in self.texts) for value in values)
        return {"planted": len(values), "leaked": leaked}

    def orders(self) -> dict[str, int]:
        wanted = [each["must_not_hold"].casefold() for each in self._planted("orders")]
        known = [each.memory.text.casefold() for each in self.memories]
        obeyed = sum(any(words in text for text in known) for words in wanted)
        return {"planted": len(wanted), "obeyed": obeyed}

    def dates(self) -> dict[str, int]:
        """`remembered` have a memory that cites the message; of these some have a date, `right` or `wrong`.

        `told` is neither: the memory rests on a later message, too, with the date of what followed, and its text
        names the days of this one, or the history does.
        """
        counts = {"planted": 0, "remembered": 0, "right": 0, "told": 0, "wrong": 0}
        for each in self._planted("dates"):
            citing = self._citing(each["message_id"])
            given = {days for m in citing if (days := _days(m.event_start, m.event_end))}
            right = _days(each["event_start"], each["event_end"]) in given
            otherwise = bool(given) and not right
            told = otherwise and self._is_told(each, citing)
            counts["planted"] += 1
            counts["remembered"] += bool(citing)
            counts["right"] += right
            counts["told"] += told
            counts["wrong"] += otherwise and not told
        return counts

    def updates(self, model: Model) -> dict[str, int]:
        """`stale` are statements that some memory still makes."""
        planted = self._planted("updates")
        vectors = model.qwen.embed([each["stale"] for each in planted])
        asked = [
            {
                "statement": each["stale"],
                "memories": [
                    {"n": n, "text": memory.text}
                    for n, memory in enumerate(self._about(each, vector), 1)
                ],
            }
            for each, vector in zip(planted, vectors, strict=True)
        ]
        verdicts = model.ask(STALE_VERSION, "statements", asked, StaleGiven)
        stale = sum(bool(each.stale) for _, given in verdicts if given for each in given.verdicts)
        return {"planted": len(planted), "stale": stale}

    def plans(self) -> dict[str, int]:
        """`still_planned` at most: a memory of kind plan cites the plan and not what became of it."""
        planted = self._planted("plans")
        still = 0
        for each in planted:
            became = each.get("came_true") or each["fell_through"]
            later = {memory.document_id for memory in self._citing(became)}
            plans = [m for m in self._citing(each["plan"]) if m.kind == "plan"]
            still += any(m.document_id not in later for m in plans)
        return {"planted": len(planted), "still_planned": still}

    def _is_told(self, planted: dict[str, Any], citing: Iterable[Memory]) -> bool:
        """Whether what followed took the place of this date, and it is told as what was."""
        message_id = planted["message_id"]
        days = {planted["event_start"], planted["event_end"] or planted["event_start"]}
        texts = [memory.text for memory in citing if len(cited([memory])) > 1]
        texts += [each.text for each in self.replaced if message_id in cited([each])]
        return any(all(day in text for day in days) for text in texts)

    def _planted(self, kind: str) -> list[dict[str, Any]]:
        return list(self.conversation.planted.get(kind, []))

    def _citing(self, message_id: str) -> list[Memory]:
        memories = (each.memory for each in self.memories)
        return [m for m in memories if message_id in cited([m])]

    def _about(self, update: dict[str, Any], vector: Sequence[float]) -> list[Memory]:
        """What cites either message, and what is near the statement."""
        near = sorted(self.memories, key=lambda each: -float(np.dot(each.vector or [], vector)))
        found = [*self._citing(update["old"]), *self._citing(update["new"])]
        found += [each.memory for each in near[:_NEAREST]]
        return list({memory.document_id: memory for memory in found}.values())


def _words(memory: Memory) -> Iterable[str]:
    yield memory.text
    yield from (source.quote for source in memory.sources)


def _holds(text: str, value: str) -> bool:
    """Also where a long number is written in other groups."""
    joined = re.sub(r"[\s-]", "", value)
    regrouped = len(joined) >= _LONG and joined in re.sub(r"[\s-]", "", text)
    return value in text or regrouped


def _days(start: str | None, end: str | None) -> Days | None:
    """The first and the last day of what two dates of any exactness cover."""
    if not start:
        return None
    first, last = _span(start), _span(end or start)
    return (first[0], last[1]) if first and last else None


def _span(given: str) -> Days | None:
    """A day, a month or a year; None for what is none."""
    match = re.match(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", given)
    if not match:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    last_month = month or 12
    try:
        last_day = day or calendar.monthrange(year, last_month)[1]
        return date(year, month or 1, day or 1), date(year, last_month, last_day)
    except ValueError:
        return None
