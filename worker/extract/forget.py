"""Forget a session, or all there is of a user: messages, sessions, memories, their history, and what is
still on its way or was set aside.

Only what was there when it was asked: what is published later stays. Session rows go last, so that done
again it finds what is left.
"""

from dataclasses import dataclass
from functools import partial

import tablestore as ots

from tablestore_memory.protocol.events import Forget
from tablestore_memory.worker.extract.tally import Tally
from tablestore_memory.worker.extract.unseen import Unseen, Written
from tablestore_memory.worker.pending import Pending, Whose
from tablestore_memory.worker.stores.history import History
from tablestore_memory.worker.stores.memories import Memories, Memory
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.write import write_all


@dataclass(frozen=True)
class Forgetting:
    """The collaborators of forgetting."""

    client: ots.OTSClient
    sessions: Sessions
    memories: Memories
    history: History
    unseen: Unseen
    pending: Pending
    tally: Tally


def forget(step: Forgetting, asked: Forget) -> dict[str, int]:
    """Delete what the user (in one session, or all) had up to the asking; counted, also over attempts.

    Raises Busy while a drain may hold some of it.
    """
    user_id, session_id, before = asked.user_id, asked.session_id, asked.created_at
    counted = partial(step.tally.add, asked.event_id)
    counted(step.pending.forget(Whose(user_id, session_id, before)))
    sessions = [s for s in step.sessions.of_user(user_id) if session_id in (None, s.session_id)]
    for info in sessions:
        messages = [
            step.sessions.message_deletion(info.session_id, said)
            for said in step.sessions.messages(user_id, info.session_id)
            if said.created_at <= before
        ]
        write_all(step.client, messages)
        counted({"messages": len(messages)})
    history = step.history.deletions(user_id, before, session_id)
    write_all(step.client, history)
    counted({"history": len(history)})
    counted({"memories": _forget_memories(step, user_id, session_id, before)})
    over = [
        step.sessions.deletion(user_id, s.session_id) for s in sessions if s.update_time <= before
    ]
    write_all(step.client, over)
    counted({"sessions": len(over)})
    return step.tally.finish(asked.event_id)


def _forget_memories(step: Forgetting, user_id: str, session_id: str | None, before: int) -> int:
    """Those that the index shows, and those written so lately that it may not."""
    found = {memory.document_id: memory for memory in step.memories.of_user(user_id)}
    found |= {
        s.memory.document_id: s.memory for s in step.memories.get(step.unseen.of_user(user_id))
    }
    memories = [
        memory.document_id
        for memory in found.values()
        if (session_id is None or session_id in _sessions(memory)) and memory.valid_from <= before
    ]
    write_all(step.client, [step.memories.deletion(document_id) for document_id in memories])
    step.unseen.forget(Written(user_id, document_id) for document_id in memories)
    return len(memories)


def _sessions(memory: Memory) -> set[str]:
    """All that gave a part of it: what cites a forgotten session goes, whoever else said it too."""
    return {memory.session_id, *(source.session_id for source in memory.sources)}
