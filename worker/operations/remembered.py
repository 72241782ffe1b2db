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

_PAGE = 100  # memories a search gives
_MOST = 100  # memories of a user that are looked through; of one who has more, those of the session
_REPLACED = 300  # entries of the history, the latest first


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
    history, more = s.history.latest(user_id, _REPLACED)
    facts: dict[str, list[Fact]] = defaultdict(list)
    for message_id, fact in _facts(session_id, memories, history):
        facts[message_id].append(fact)
    return Remembered(dict(facts), all_of_them and more is None)


def _memories(s: Services, user_id: str, session_id: str) -> tuple[list[Memory], bool]:
    """All of the user's, if they are few, else those that the session gave the last word of; with the newest,
    which the index does not show yet."""
    found, whole = _pages(s, user_id, None)
    if not whole:
        found, _ = _pages(s, user_id, session_id)
    newest = s.memories.without_vectors(s.unindexed.of_user(user_id)[-_PAGE:])
    found += [memory for memory in newest if memory.user_id == user_id]
    return list({memory.document_id: memory for memory in found}.values()), whole


def _pages(s: Services, user_id: str, session_id: str | None) -> tuple[list[Memory], bool]:
    found: list[Memory] = []
    token = None
    for _ in range(_PAGES):
        page, token = s.memories.page_of_user(user_id, token, _PAGE, session_id=session_id)
        found += page
        if not token:
            return found, True
    return found, False


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
