"""What must not be remembered, because what it stems from was forgotten."""

from collections.abc import Collection, Iterable, Iterator

from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.stores.memory import Memory, stems_from
from tablestore_memory.worker.stores.messages import Turn


def forgotten(tombstones: Tombstones, memories: Collection[Memory]) -> dict[str, int]:
    """The memories that stem from something forgotten, by document id, each with the receipt up to which."""
    upto = tombstones.upto({(m.user_id, s) for m in memories for s in (None, *m.sessions)})
    if not upto:
        return {}
    found: dict[str, int] = {}
    for memory in memories:
        for session_id in (None, *memory.sessions):
            latest_ms = upto.get((memory.user_id, session_id), -1)
            if stems_from(memory, session_id, latest_ms):
                found[memory.document_id] = max(latest_ms, found.get(memory.document_id, -1))
    return found


def still_known(
    tombstones: Tombstones, user_id: str, session_id: str, messages: Iterable[Turn]
) -> Iterator[Turn]:
    """The messages without those that are forgotten and not gone yet."""
    upto_ms = tombstones.upto([(user_id, session_id)]).get((user_id, session_id), -1)
    return (message for message in messages if message.received_ms > upto_ms)
