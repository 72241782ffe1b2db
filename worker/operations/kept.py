"""All that is kept of one user: a memory with its history and evidence, memories by page, and the whole export.

Whoever is not a step of the work asks here. Every read names the user.
"""

import base64
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import tee
from typing import Any

import msgspec

from tablestore_memory.worker.failures.errors import InvalidRow
from tablestore_memory.worker.operations.moments import iso
from tablestore_memory.worker.operations.told import told_memory, told_replaced, told_session
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.events import event_of
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.lineage import current, past
from tablestore_memory.worker.stores.memories import Memory, document_id
from tablestore_memory.worker.stores.messages import MessageRow, Turn, messages_of, of_user

EXPORT_VERSION = 1
_PAGE = 100  # of a search with columns of the table


@dataclass(frozen=True, slots=True)
class KeptMemory:
    """A memory, what it was before (oldest first), and the messages it was taken from that are still there."""

    memory: Memory
    history: list[Replaced]
    evidence: list[Turn]


@dataclass(frozen=True, slots=True)
class Page:
    """Memories in no order; `next` goes into the next question, None after the last page."""

    memories: list[Memory]
    next: str | None


def kept_memory(s: Services, user_id: str, memory_id: str) -> KeptMemory | None:
    """One memory of a user, also by an id it had before it was edited; None if there is none."""
    entries, same = tee(s.history.every(user_id))
    found = current(s.memories, entries, user_id, memory_id)
    if found is None:
        return None
    history = past([found.memory.document_id], list(same))
    return KeptMemory(found.memory, history, _evidence(s, found.memory))


def is_kept(s: Services, user_id: str, memory_id: str) -> bool:
    """Whether there is anything to delete: a memory, or what stands in the history alone, with its text."""
    entries, same = tee(s.history.every(user_id))
    if current(s.memories, entries, user_id, memory_id):
        return True
    return any(entry.document_id == memory_id and entry.text for entry in same)


def id_after(memory: Memory, text: str | None) -> str:
    """Under which id a memory stands when it has this text."""
    return memory.document_id if text is None else document_id(memory.user_id, text)


def page_of_memories(
    s: Services, user_id: str, *, limit: int = _PAGE, after: str | None = None
) -> Page:
    """Up to `limit` memories (100 at most) as they stand; the last page also has those that the search index
    does not show yet, however many. Raises ValueError for another limit, or if `after` is no `next` of a page."""
    if not 1 <= limit <= _PAGE:
        raise ValueError(f"limit: must be 1 to {_PAGE}")
    try:
        found, following = s.memories.page_of_user(user_id, _token(after), limit)
    except (InvalidRow, ValueError):
        raise ValueError("after: no page of memories goes on here") from None
    if not following:
        found += _unindexed(s, user_id)
    return Page(found, base64.urlsafe_b64encode(following).decode() if following else None)


def exported(s: Services, user_id: str) -> Iterator[dict[str, Any]]:
    """All that is stored and remembered of a user, record by record (docs/operating.md): whatever was when it
    began, and of what comes or changes meanwhile perhaps some."""
    counts: Counter[str] = Counter()
    at = iso(time.time_ns() // 1000)
    yield {"record": "export", "version": EXPORT_VERSION, "user_id": user_id, "at": at}
    for record in _records(s, user_id):
        counts[record["record"]] += 1
        yield record
    yield {"record": "end", **{kind: counts[kind] for kind in _KINDS}}


_KINDS = ("session", "message", "memory", "history")


def _records(s: Services, user_id: str) -> Iterator[dict[str, Any]]:
    for session in s.sessions.of_user(user_id):
        yield {"record": "session", **told_session(session)}
        for row in s.sessions.rows(user_id, session.session_id):
            yield {"record": "message", **_told_row(s, row, user_id)}
    seen: set[str] = set()
    for memory in _every_memory(s, user_id):
        if memory.document_id not in seen:
            seen.add(memory.document_id)
            yield {"record": "memory", **told_memory(memory)}
    for entry in s.history.every(user_id):
        yield {"record": "history", **told_replaced(entry)}


def _every_memory(s: Services, user_id: str) -> Iterator[Memory]:
    """Some more than once. What the index does not show yet it may show while its pages are read, on one that is
    read already: so it is noted before, and read after them."""
    unindexed = s.unindexed.of_user(user_id)
    page = Page([], "")
    while page.next is not None:
        page = page_of_memories(s, user_id, after=page.next or None)
        yield from page.memories
    yield from s.memories.theirs(user_id, unindexed)


def _told_row(s: Services, row: MessageRow, user_id: str) -> dict[str, Any]:
    """As the line that publishes it again; a row that no event of ours makes, as it stands."""
    if event := event_of(row, user_id, s.names):
        return {"event": msgspec.to_builtins(event)}
    key = {"session_id": row.session_id, "create_time": row.created_at}
    return {"row": {**key, "message_id": row.message_id, **row.columns}}


def _evidence(s: Services, memory: Memory) -> list[Turn]:
    ordered = sorted(set(messages_of(memory)), key=lambda key: (key.created_at, key.message_id))
    return [
        row.said
        for key in ordered
        for row in of_user(
            s.sessions.stored.at([key]),
            memory.user_id,
            partial(s.sessions.is_theirs_alone, memory.user_id, key.session_id),
        )
    ]


def _unindexed(s: Services, user_id: str) -> list[Memory]:
    ids = s.unindexed.of_user(user_id)
    shown: set[tuple[str, str]] = set()
    for start in range(0, len(ids), _PAGE):
        shown |= s.memories.searchable(ids[start : start + _PAGE])
    return s.memories.theirs(user_id, (i for i in ids if (user_id, i) not in shown))


def _token(after: str | None) -> bytes | None:
    return base64.b64decode(after, altchars=b"-_", validate=True) if after else None
