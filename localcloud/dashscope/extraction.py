"""Facts in the words a prompt asks for: the keys of its JSON example, filled by name.

Owns what each key means. A key nobody here knows stays null, as a model would leave it.
"""

from typing import Any

from tablestore_memory.localcloud.dashscope import facts
from tablestore_memory.localcloud.dashscope.wire import Json

DEFAULT_LIST = "facts"
DEFAULT_KEYS = dict.fromkeys(
    ["text", "kind", "subject", "said_by", "event_start", "event_end", "confidence", "sources"]
)
CONFIDENCE = {"profile": 0.95, "preference": 0.9, "relationship": 0.9, "instruction": 0.9}
OTHER_CONFIDENCE = 0.8


def answer(messages: list[Any], example: tuple[str, Json] | None) -> Json:
    """`{list: [item, …]}` with an item for each fact of the new messages."""
    name, shown = example or (DEFAULT_LIST, DEFAULT_KEYS)
    found = facts.of_messages([message for message in messages if isinstance(message, dict)])
    return {name: [{key: _value(key, fact, shown[key]) for key in shown} for fact in found]}


def _value(key: str, fact: facts.Fact, shown: object) -> object:
    start, end = (fact.when.start, fact.when.end) if fact.when else (None, None)
    known: dict[str, object] = {
        **dict.fromkeys(("text", "fact", "content", "memory", "statement"), fact.text),
        **dict.fromkeys(("kind", "type", "category"), fact.kind),
        **dict.fromkeys(("subject", "about"), fact.subject),
        **dict.fromkeys(("said_by", "speaker", "who"), fact.subject),
        **dict.fromkeys(("event_start", "event_date", "date"), start and start.isoformat()),
        "event_end": end and end.isoformat(),
        "confidence": CONFIDENCE.get(fact.kind, OTHER_CONFIDENCE),
        "quote": fact.quote,
        "sources": _sources(fact, shown),
    }
    return known.get(key)


def _sources(fact: facts.Fact, shown: object) -> list[object]:
    """As the example shows them: objects of number and quote, or numbers alone."""
    if isinstance(shown, list) and shown and not isinstance(shown[0], dict):
        return [fact.n]
    return [{"n": fact.n, "quote": fact.quote}]
