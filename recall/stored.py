"""What is stored, read as it stands: a session's messages, and memories by their ids or all of a user's.

No search decides here and nothing is left out to be in time, so what is away raises: half a session would look
like a whole one. Every read names the user. Nothing is masked: it is the app's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import get_args

from tablestore_memory.protocol.events import Message, Role
from tablestore_memory.recall.clients import Clients
from tablestore_memory.recall.entries import Fact
from tablestore_memory.recall.ranking import Candidate
from tablestore_memory.recall.results import RecalledMemory
from tablestore_memory.worker.stores.events import event_of
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.messages import MessageRow

_PAGE = 200  # rows a GetRange
_ROLES = frozenset(get_args(Role))


def session(clients: Clients, user_id: str, session_id: str, last: int | None) -> list[Message]:
    """In order; the last so many, or all. Read by primary key: what was stored is seen."""
    return [
        event_of(row, user_id, clients.names) or _as_text(row, user_id)
        for row in _rows(clients, user_id, session_id, last)
    ]


def memories(
    clients: Clients, user_id: str, ids: Iterable[str] | None = None
) -> list[RecalledMemory]:
    """Those with these ids, by primary key; without ids all that the search index shows, the latest first."""
    if ids is None:
        found = clients.memories.of_user(user_id)[::-1]
    else:
        found = clients.memories.without_vectors(dict.fromkeys(ids))
    return [_recalled(memory) for memory in found if memory.user_id == user_id]


def _rows(
    clients: Clients, user_id: str, session_id: str, last: int | None
) -> Iterable[MessageRow]:
    if last is None:
        return clients.sessions.rows(user_id, session_id)
    if last < 1:
        return ()
    backward: Iterator[MessageRow] = clients.sessions.rows_before(
        user_id, session_id, None, min(last, _PAGE)
    )
    return list(islice(backward, last))[::-1]


def _as_text(row: MessageRow, user_id: str) -> Message:
    """What a row says that no event of ours makes as it stands: another program wrote it."""
    said = row.said
    return Message(
        event_id=row.message_id,
        message_id=row.message_id,
        user_id=user_id,
        session_id=row.session_id,
        created_at=row.created_at,
        role=said.role if said.role in _ROLES else "user",  # type: ignore[arg-type]  # looked at
        content=said.text,
        message_type=said.message_type,
        utc_offset_min=said.utc_offset_min,
    )


def _recalled(memory: Memory) -> RecalledMemory:
    """As a recall gives it, but with its text as a whole and without a score."""
    return replace(Fact(Candidate(memory)).recalled, text=memory.text)
