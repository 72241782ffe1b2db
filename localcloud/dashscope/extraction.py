"""Facts in the words a prompt asks for: the keys of its JSON example, filled by name.

Owns what each key means, and how messages are listed. A key nobody here knows stays null, as a model would
leave it.
"""

import re
from collections.abc import Iterator
from typing import Any

from tablestore_memory.localcloud.dashscope import facts
from tablestore_memory.localcloud.dashscope.wire import Json

DEFAULT_LIST = "facts"
DEFAULT_KEYS = dict.fromkeys(
    ["text", "kind", "subject", "said_by", "event_start", "event_end", "confidence", "sources"]
)
DAY_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
CONFIDENCE = {"profile": 0.95, "preference": 0.9, "relationship": 0.9, "instruction": 0.9}
OTHER_CONFIDENCE = 0.8


def answer(asked: Json, example: tuple[str, Json] | None) -> Json:
    """`{list: [item, …]}` with an item for each fact of the new messages."""
    name, shown = example or (DEFAULT_LIST, DEFAULT_KEYS)
    found = facts.of_messages(list(_messages(asked["messages"], asked.get("new", 0))))
    return {name: [{key: _value(key, fact, shown[key]) for key in shown} for fact in found]}


def in_rows(asked: Json, name: str) -> Json:
    """`{list: [[subject, text, kind, date, number], …]}`, without what there is none of."""
    found = facts.of_messages(list(_messages(asked["messages"], asked.get("new", 0))))
    return {name: [[part for part in _row(fact) if part] for fact in found]}


def _row(fact: facts.Fact) -> list[str | int | None]:
    return [fact.subject, fact.text, fact.kind, _date(fact), fact.n]


def _messages(listed: list[Any], first_new: Any) -> Iterator[Json]:
    """Objects, or `[number, speaker, text]` behind a line with the day and the time that holds from there on."""
    at = None
    for item in listed:
        match item:
            case dict():
                yield item
            case str() if found := DAY_AND_TIME.search(item):
                at = found[0].replace(" ", "T")
            case [int(number), str(speaker), str(text), *_]:
                name, assistant, _ = speaker.partition(" (assistant)")
                role = "assistant" if assistant or name == "assistant" else "user"
                new = number >= first_new
                yield {
                    "n": number,
                    "at": at,
                    "role": role,
                    "speaker": name,
                    "text": text,
                    "new": new,
                }


def _value(key: str, fact: facts.Fact, shown: object) -> object:
    start, end = (fact.when.start, fact.when.end) if fact.when else (None, None)
    known: dict[str, object] = {
        **dict.fromkeys(("text", "fact", "content", "memory", "statement", "t"), fact.text),
        **dict.fromkeys(("kind", "type", "category", "k"), fact.kind),
        **dict.fromkeys(("subject", "about", "s"), fact.subject),
        **dict.fromkeys(("said_by", "speaker", "who"), fact.subject),
        **dict.fromkeys(("event_start", "event_date", "date"), start and start.isoformat()),
        "event_end": end and end.isoformat(),
        "d": _date(fact),
        "confidence": CONFIDENCE.get(fact.kind, OTHER_CONFIDENCE),
        "quote": fact.quote,
        **dict.fromkeys(("sources", "m"), _sources(fact, shown)),
    }
    return known.get(key)


def _date(fact: facts.Fact) -> str | None:
    days = (fact.when.start, fact.when.end) if fact.when else ()
    return "/".join(day.isoformat() for day in days if day) or None


def _sources(fact: facts.Fact, shown: object) -> object:
    """As the example shows them: objects of number and quote, numbers alone, or quotes by number."""
    if isinstance(shown, dict):
        return {str(fact.n): fact.quote}
    if isinstance(shown, list) and shown and not isinstance(shown[0], dict):
        return [fact.n]
    return [{"n": fact.n, "quote": fact.quote}]
