"""Forget a session, or all there is of a user: messages, sessions, memories, their history, and what is
still on its way or was set aside.

Only what was there when it was asked: what is published later stays. Session rows go last, so that done
again it finds what is left.
"""

from dataclasses import dataclass

import tablestore as ots

from worker.extract.unseen import Unseen, Written
from worker.pending import Pending, Whose
from worker.stores.history import History
from worker.stores.memories import Memories, Memory
from worker.stores.sessions import Sessions
from worker.stores.write import write_all


@dataclass(frozen=True)
class Forgetting:
    """The collaborators of forgetting."""

    client: ots.OTSClient
    sessions: Sessions
    memories: Memories
    history: History
    unseen: Unseen
    pending: Pending


def forget(step: Forgetting, user_id: str, session_id: str | None, before: int) -> dict[str, int]:
    """Delete what the user (in one session, or all) had up to `before` (created_at, µs); counted.

    Raises Busy while a drain may hold some of it.
    """
    on_its_way = step.pending.forget(Whose(user_id, session_id, before))
    sessions = [s for s in step.sessions.of_user(user_id) if session_id in (None, s.session_id)]
    messages = [
        step.sessions.message_deletion(info.session_id, said)
        for info in sessions
        for said in step.sessions.messages(user_id, info.session_id)
        if said.created_at <= before
    ]
    found = {memory.document_id: memory for memory in step.memories.of_user(user_id)}
    found |= {
        s.memory.document_id: s.memory for s in step.memories.get(step.unseen.of_user(user_id))
    }
    memories = [
        memory.document_id
        for memory in found.values()
        if (session_id is None or session_id in _sessions(memory)) and memory.valid_from <= before
    ]
    history = step.history.deletions(user_id, before, session_id)
    over = [
        step.sessions.deletion(user_id, s.session_id) for s in sessions if s.update_time <= before
    ]
    write_all(step.client, [*messages, *history])
    write_all(step.client, [step.memories.deletion(document_id) for document_id in memories])
    write_all(step.client, over)
    step.unseen.forget(Written(user_id, document_id) for document_id in memories)
    return {
        "messages": len(messages),
        "memories": len(memories),
        "history": len(history),
        "sessions": len(over),
        **on_its_way,
    }


def _sessions(memory: Memory) -> set[str]:
    """All that gave a part of it: what cites a forgotten session goes, whoever else said it too."""
    return {memory.session_id, *(source.session_id for source in memory.sources)}
