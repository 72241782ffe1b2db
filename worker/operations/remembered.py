"""What was remembered from the messages of a session: what holds, and what was replaced since.

No index leads from a message to what rests on it, so as much of the user's memories is looked through as a person
who waits has patience for; what may be missing is said.
"""

from collections import defaultdict
from dataclasses import dataclass

from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.memory import Derived, Memory, session_of

_MOST = 100  # memories that are looked through: of the user, or of the session of one who has more
_REPLACED = 200  # entries of the history, the latest first


@dataclass(frozen=True, slots=True)
class Fact:
    """What rests on a message; `until` (µs) for what holds no more, and the reason."""

    document_id: str
    text: str
    kind: str
    until: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Remembered:
    """Facts by the id of the message they rest on. If not `whole`, more may rest on these messages: what was
    joined with what another session said, or replaced long ago."""

    by_message: dict[str, list[Fact]]
    whole: bool

    def of(self, message_id: str) -> list[Fact]:
        return self.by_message.get(message_id, [])


def remembered_from(s: Services, user_id: str, session_id: str) -> Remembered:
    """Of all messages of a session of the user."""
    memories, all_of_them = _memories(s, user_id, session_id)
    history, rest = s.history.latest(user_id, _REPLACED)
    told: list[tuple[Derived, Fact]] = [(m, Fact(m.document_id, m.text, m.kind)) for m in memories]
    told += [
        (entry, Fact(entry.document_id, entry.text, entry.kind, entry.replaced_at, entry.reason))
        for entry in history
        if entry.text
    ]
    facts: dict[str, list[Fact]] = defaultdict(list)
    for made, fact in told:
        for message_id in _cited(made, session_id):
            facts[message_id].append(fact)
    return Remembered(facts, all_of_them and rest is None)


def _memories(s: Services, user_id: str, session_id: str) -> tuple[list[Memory], bool]:
    """All of the user's, if they are few, else those that the session gave the last word of; with the newest,
    which the index does not show yet."""
    found, more = s.memories.page_of_user(user_id, None, _MOST)
    if more:
        found, _ = s.memories.page_of_user(user_id, None, _MOST, session_id=session_id)
    found += s.memories.theirs(user_id, s.unindexed.of_user(user_id)[-_MOST:])
    return list({memory.document_id: memory for memory in found}.values()), more is None


def _cited(made: Derived, session_id: str) -> set[str]:
    """The messages of the session that it rests on, be it on several quotes of one."""
    return {source.message_id for source in made.sources if session_of(source, made) == session_id}
