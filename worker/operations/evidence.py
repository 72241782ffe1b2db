"""The words that a memory rests on, where they were said: the message with its neighbours, the quote marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tablestore_memory.worker.extract.quotes import span
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.memory import Memory, Source, session_of
from tablestore_memory.worker.stores.messages import Turn

_NEIGHBOURS = 2  # on each side
_SHOWN = 6  # sources of a memory: each takes requests of its own


@dataclass(frozen=True, slots=True)
class Part:
    """Of a text: what is cited, or what stands beside it."""

    text: str
    cited: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Of a conversation; `message` is None where the message is gone. If its words do not stand in the message as
    they are cited, nothing of `said` is marked."""

    source: Source
    session_id: str
    before: list[Turn]
    message: Turn | None
    said: list[Part]
    after: list[Turn]


def excerpts(s: Services, memory: Memory) -> list[Excerpt]:
    """Those of the first sources, in the order in which they were said."""
    sources = sorted(memory.sources, key=lambda each: each.created_at)[:_SHOWN]
    return [_excerpt(s, memory, source) for source in sources]


def parts(message: Turn, quote: str) -> list[Part]:
    """A message's text with a quote of it apart."""
    place = span(message.text, message.speaker, quote)
    if place is None:
        return [Part(message.text, False)]
    begin, end = place
    text = message.text
    cut = (Part(text[:begin], False), Part(text[begin:end], True), Part(text[end:], False))
    return [part for part in cut if part.text]


def _excerpt(s: Services, memory: Memory, source: Source) -> Excerpt:
    session_id = session_of(source, memory)
    for created_at in _stamps(s, source, session_id):
        begin = created_at, source.message_id
        rows = s.sessions.rows_from(memory.user_id, session_id, begin, _NEIGHBOURS + 1)
        found = [row.said for row in islice(rows, _NEIGHBOURS + 1)]
        if found and found[0].message_id == source.message_id:
            before = s.sessions.messages_before(memory.user_id, session_id, created_at, _NEIGHBOURS)
            said = parts(found[0], source.quote)
            return Excerpt(source, session_id, before, found[0], said, found[1:])
    return Excerpt(source, session_id, [], None, [], [])


def _stamps(s: Services, source: Source, session_id: str) -> Iterator[int]:
    """Where the message may stand; a memory of an older release does not say."""
    if source.created_at:
        yield source.created_at
    elif session_id:
        yield from (
            key.created_at for key in s.sessions.stored.keys_of(session_id, source.message_id)
        )
