"""Two memories become one: sources are kept, and no number, date or secret slips through a merge."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tablestore_memory.worker.secrets.masking import holds_secret
from tablestore_memory.worker.stores.memories import Embedded, Memory, Source

# A memory said again and again keeps its first sources; a row has its limits.
MOST_SOURCES = 20
_LONGEST_TEXT = 1_000  # characters


def restated(known: Memory, again: Memory) -> Memory:
    """A known memory that was said again: more sources, and the later time; the text stays."""
    return replace(
        known,
        sources=_together(known.sources, again.sources),
        valid_from=min(known.valid_from, again.valid_from),
        stated_at=max(known.stated_at, again.stated_at),
        received_ms=min(known.received_ms, again.received_ms),
    )


def joined(fact: Memory, known: Sequence[Memory], text: str) -> Memory:
    """One memory that says what a new fact and known ones say, with all their sources."""
    sources: tuple[Source, ...] = ()
    for each in (*known, fact):
        sources = _together(sources, each.sources)
    return replace(
        fact,
        text=text,
        sources=sources,
        valid_from=max(fact.valid_from, *(k.valid_from for k in known)),
        stated_at=max(fact.stated_at, *(k.stated_at for k in known)),
        received_ms=min(fact.received_ms, *(k.received_ms for k in known)),
    ).identified()


def merged_text_holds(text: str | None, fact: Memory, known: Iterable[Embedded]) -> bool:
    """Whether a merged text keeps every number and date, adds none, and holds no secret."""
    if not text or len(text) > _LONGEST_TEXT or holds_secret(text):
        return False
    wanted = {figure for m in (fact, *(k.memory for k in known)) for figure in _figures(m.text)}
    return wanted == _figures(text)


def _figures(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


def _together(first: Sequence[Source], second: Sequence[Source]) -> tuple[Source, ...]:
    by_words: dict[tuple[str, str], Source] = {}
    for source in (*first, *second):
        by_words.setdefault((source.message_id, source.quote), source)
    return tuple(by_words.values())[:MOST_SOURCES]
