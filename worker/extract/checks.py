"""What Qwen calls facts, checked by code: only what cites new messages that show it counts.

Does no I/O and asks nobody. What does not hold is dropped, not mended.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tablestore_memory.worker.consolidation.dates import dated
from tablestore_memory.worker.extract.answers import Fact, FactsAnswer, facts_of
from tablestore_memory.worker.extract.event_dates import said_on
from tablestore_memory.worker.extract.evidence import passage, shows
from tablestore_memory.worker.extract.quotes import holds
from tablestore_memory.worker.secrets.masking import holds_secret, masked
from tablestore_memory.worker.stores.memories import Memory, Source
from tablestore_memory.worker.stores.sessions import Turn

_LONGEST_FACT = 1_000  # characters; the prompt asks for 40 words
_LONGEST_NAME = 200  # characters
_LONGEST_QUOTE = 300  # characters; the prompt asks for five words

Cited = Sequence[tuple[Turn, str | None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where facts come from: whose, from which session, by which model and prompt.

    `received_ms` is the earliest receipt of what the model was shown.
    """

    user_id: str
    session_id: str
    model: str
    prompt_version: str
    received_ms: int = 0


@dataclass(frozen=True)
class Checked:
    """The memories of an answer, and how many facts were mended or dropped, by what was wrong."""

    memories: list[Memory] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def checked(answer: FactsAnswer, before: int, new: Sequence[Turn], origin: Origin) -> Checked:
    """The memories of the facts that hold. `before` messages of context came first."""
    result = Checked()
    for fact in facts_of(answer, result.mended, result.dropped):
        cited = _cited(fact, before, new)
        if wrong := _wrong(fact, cited):
            result.dropped[wrong] += 1
        else:
            result.memories.append(_memory(fact, cited, origin))
    return result


def _wrong(fact: Fact, cited: Cited) -> str | None:
    if not cited:
        return "uncited"
    if len(fact.text) > _LONGEST_FACT:
        return "too long"
    if holds_secret(fact.text):
        return "secret"
    messages = [message for message, _ in cited]
    names = [fact.subject or "", *(message.speaker for message in messages)]
    quoted = any(words for _, words in cited)
    return None if quoted or shows(messages, fact.text, names) else "unshown"


def _memory(fact: Fact, cited: Cited, origin: Origin) -> Memory:
    stated_at = max(message.created_at for message, _ in cited)
    speaker = _name(_speaker(cited))
    start, end = when = said_on(max(message.at for message, _ in cited).date(), fact.when)
    alone = len({message.speaker for message, _ in cited}) == 1
    return Memory(
        user_id=origin.user_id,
        session_id=origin.session_id,
        text=dated(fact.text, when),
        kind=fact.kind,
        subject=_name(fact.subject) or (speaker if alone else None),
        said_by=speaker,
        event_start=start,
        event_end=end,
        valid_from=stated_at,
        stated_at=stated_at,
        sources=tuple(
            Source(
                message.message_id,
                masked(words or passage(message.text, fact.text)),
                origin.session_id,
                origin.received_ms,
                message.created_at,
            )
            for message, words in cited
        ),
        received_ms=origin.received_ms,
        model=origin.model,
        prompt_version=origin.prompt_version,
    ).identified()


def _cited(fact: Fact, before: int, new: Sequence[Turn]) -> Cited:
    """The cited new messages, each once, with words of theirs where some were copied; not if these do not hold."""
    found: dict[int, tuple[Turn, str | None]] = {}
    for number, words in sorted(fact.cited, key=lambda cited: (cited[0], cited[1] is None)):
        if before < number <= before + len(new):
            message = new[number - before - 1]
            if words is None or _copied(words, message):
                found.setdefault(number, (message, words))
    return list(found.values())


def _copied(words: str, message: Turn) -> bool:
    return len(words) <= _LONGEST_QUOTE and holds(message.text, message.speaker, words)


def _speaker(cited: Cited) -> str:
    """Who said most of it; of two who said as much the one who said it last, as answers follow questions."""
    counts = Counter(message.speaker for message, _ in cited)
    return max(reversed([message.speaker for message, _ in cited]), key=counts.__getitem__)


def _name(value: str | None) -> str | None:
    """A name, or None for what cannot be one."""
    fits = value and len(value) <= _LONGEST_NAME and not holds_secret(value)
    return value if fits else None
