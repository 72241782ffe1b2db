"""What was remembered from the messages of a session: what holds, and what was replaced since.

No index leads from a message to what rests on it, so as much of the user's memories is looked through as a person
who waits has patience for; what may be missing is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memory import Memory

_MOST = 100  # memories that are looked through: of the user, or of the session of one who has more
_REPLACED = 200  # entries of the history, the latest first


@dataclass(frozen=True, slots=True)
class Fact:
    """A memory and the words of a message that it rests on; `until` (µs) for one that holds no more."""

    document_id: str
    text: str
    kind: str
    quote: str
    since: int
    until: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Remembered:
    """Facts by the id of the message they rest on. If not `whole`, more may rest on these messages: what was
    joined with what another session said, or replaced long ago."""

    by_message: dict[str, list[Fact]] = field(default_factory=dict)
    whole: bool = True

    def of(self, message_id: str) -> list[Fact]:
        return self.by_message.get(message_id, [])


def remembered_from(s: Services, user_id: str, session_id: str) -> Remembered:
    """Of all messages of a session of the user."""
    memories, all_of_them = _memories(s, user_id, session_id)
    history, rest = s.history.latest(user_id, _REPLACED)
    facts: dict[str, list[Fact]] = defaultdict(list)
    for message_id, fact in _facts(session_id, memories, history):
        facts[message_id].append(fact)
    return Remembered(dict(facts), all_of_them and rest is None)


def _memories(s: Services, user_id: str, session_id: str) -> tuple[list[Memory], bool]:
    """All of the user's, if they are few, else those that the session gave the last word of; with the newest,
    which the index does not show yet."""
    found, more = s.memories.page_of_user(user_id, None, _MOST)
    if more:
        found, _ = s.memories.page_of_user(user_id, None, _MOST, session_id=session_id)
    newest = s.memories.without_vectors(s.unindexed.of_user(user_id)[-_MOST:])
    found += [memory for memory in newest if memory.user_id == user_id]
    return list({memory.document_id: memory for memory in found}.values()), more is None


def _facts(
    session_id: str, memories: Iterable[Memory], history: Iterable[Replaced]
) -> Iterator[tuple[str, Fact]]:
    for memory in memories:
        for source in memory.sources:
            if (source.session_id or memory.session_id) == session_id:
                yield (
                    source.message_id,
                    Fact(
                        memory.document_id,
                        memory.text,
                        memory.kind,
                        source.quote,
                        memory.valid_from,
                    ),
                )
    for entry in history:
        for source in entry.sources if entry.text else ():
            if (source.session_id or entry.session_id) == session_id:
                yield (
                    source.message_id,
                    Fact(
                        entry.document_id,
                        entry.text,
                        entry.kind,
                        source.quote,
                        entry.valid_from,
                        entry.replaced_at,
                        entry.reason,
                    ),
                )
