"""Two memories become one: no source, date or kind is lost, and no number or secret slips through a merge."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tablestore_memory.worker.consolidation.dates import dated
from tablestore_memory.worker.consolidation.figures import figures, figures_that_stay
from tablestore_memory.worker.secrets.masking import holds_secret
from tablestore_memory.worker.stores.memories import Memory, Source

# A row has its limits. A memory said again and again keeps its first sources; none is made of more, as what was
# said in a session that it does not name would stay in its text when that session is forgotten.
MOST_SOURCES = 20
_LONGEST_TEXT = 1_000  # characters


def restated(known: Memory, again: Memory) -> Memory:
    """A known memory that was said again: the text stays; all of it, if it was corrected by hand since."""
    if known.is_corrected_since(again.stated_at):
        return known
    return together([known, again], known)


def joined(fact: Memory, known: Sequence[Memory], text: str) -> Memory:
    """One memory that says what a new fact and known ones say, with its date like any other."""
    latest = max((fact, *known), key=lambda part: part.stated_at)
    return _saying(text, together([*known, fact], latest))


def fulfilled(event: Memory, plan: Memory) -> Memory:
    """The event that a plan came to: what was said of the plan is a source of it, too."""
    return replace(
        event,
        sources=_sources((event, plan)),
        received_ms=min(event.received_ms, plan.received_ms),
    )


def refined(fact: Memory, known: Sequence[Memory], text: str | None) -> Memory | None:
    """`joined`, if its text keeps every number and date, adds none, and holds no secret."""
    if not text:
        return None
    wanted = {figure for each in (fact, *known) for figure in figures_that_stay(each.text)}
    return _if_it_holds(joined(fact, known, text), wanted, (fact, *known))


def ended_in_part(fact: Memory, older: Sequence[Memory], text: str | None) -> Memory | None:
    """A new fact with what still holds of those that it ends, whose dates are not its own.

    Its text may leave out what holds no longer: of numbers and dates it keeps those of the new fact.
    """
    if not text:
        return None
    whole = replace(
        together([*older, fact], fact),
        kind=fact.kind,
        event_start=fact.event_start,
        event_end=fact.event_end,
        valid_from=fact.valid_from,
    )
    return _if_it_holds(_saying(text, whole), figures_that_stay(fact.text), (fact, *older))


def _saying(text: str, memory: Memory) -> Memory:
    when = memory.event_start, memory.event_end
    return replace(memory, text=dated(text, when)).identified()


def _if_it_holds(whole: Memory, wanted: set[str], parts: Sequence[Memory]) -> Memory | None:
    if len(whole.text) > _LONGEST_TEXT or holds_secret(whole.text):
        return None
    if len(_by_words(parts)) > MOST_SOURCES:
        return None
    allowed = {figure for each in parts for figure in figures(_shown(each))}
    return whole if wanted <= figures(whole.text) <= allowed else None


def _shown(memory: Memory) -> str:
    """All that a model is told of it in words: its text, when that happens, and when it was said."""
    said = datetime.fromtimestamp(memory.stated_at / 1e6, UTC)
    return f"{dated(memory.text, (memory.event_start, memory.event_end))} {said:%Y-%m-%d}"


def together(parts: Sequence[Memory], kept: Memory) -> Memory:
    """`kept` with the sources of all: since the first of them it holds, and the last is when it was said.

    What one of them lacks it has from another, what was said last first; a month gives way to a day in it,
    and a beginning alone to one with an end.
    """
    latest = [kept, *sorted(parts, key=lambda part: part.stated_at, reverse=True)]
    one_dated = next((part for part in latest if part.event_start or part.event_end), kept)
    one_dated = max((p for p in latest if _is_within(p, one_dated)), key=_exactness, default=kept)
    return replace(
        kept,
        kind=next((part.kind for part in latest if part.kind != "fact"), kept.kind),
        subject=next((part.subject for part in latest if part.subject), None),
        said_by=next((part.said_by for part in latest if part.said_by), None),
        event_start=one_dated.event_start,
        event_end=one_dated.event_end,
        sources=_sources(parts),
        valid_from=min(part.valid_from for part in parts),
        stated_at=max(part.stated_at for part in parts),
        received_ms=min(part.received_ms for part in parts),
        edited_at=max(part.edited_at for part in parts),
    )


def _is_within(one: Memory, other: Memory) -> bool:
    """Whether it has the same date, or a day or month of that month or year, or tells how long it lasts, too."""
    if other.event_end or not other.event_start:
        return one is other
    return (one.event_start or "").startswith(other.event_start.rstrip("~"))


def _exactness(memory: Memory) -> tuple[int, bool, bool]:
    begins = memory.event_start or ""
    return len(begins.rstrip("~")), not begins.endswith("~"), bool(memory.event_end)


def _sources(parts: Iterable[Memory]) -> tuple[Source, ...]:
    return tuple(_by_words(parts).values())[:MOST_SOURCES]


def _by_words(parts: Iterable[Memory]) -> dict[tuple[str, str, str], Source]:
    by_words: dict[tuple[str, str, str], Source] = {}
    for source in (source for part in parts for source in part.sources):
        by_words.setdefault((source.session_id, source.message_id, source.quote), source)
    return by_words
