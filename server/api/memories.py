"""`/v1/memories`: read one, correct one, delete one. Somebody else's looks like none."""

from datetime import UTC, datetime

import msgspec

from tablestore_memory.recall import Quote
from tablestore_memory.server.api import shapes
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.events import event_of, published
from tablestore_memory.server.api.shapes import Edit, ListMemories, Memories, OfMemory, Published
from tablestore_memory.server.problems import NotFound
from tablestore_memory.worker.stores.memory import Memory


def read(call: Call, asked: OfMemory, _: None) -> shapes.Memory:
    """One memory, by its id."""
    user_id = call.access.user(asked.user_id)
    call.connections.note("memories", user_id, by=call.access.name)
    return told(_found(call, user_id, asked.memory_id))


def listed(call: Call, asked: ListMemories, _: None) -> Memories:
    """All memories of a user, page by page."""
    user_id = call.access.user(asked.user_id)
    call.connections.note("memories", user_id, by=call.access.name)
    found = call.connections.services.memories.of_user(user_id)
    start = int(asked.cursor or 0)
    page = found[start : start + asked.limit]
    after = start + asked.limit
    return Memories([told(each) for each in page], str(after) if after < len(found) else None)


def edit(call: Call, asked: OfMemory, edit: Edit) -> Published:
    """Correct a memory by hand: a worker does it, and the old text goes to the history."""
    user_id = call.access.user(asked.user_id or edit.user_id)
    call.access.user(edit.user_id or user_id)
    changes = msgspec.structs.asdict(edit)
    draft = {"type": "edit_memory", **changes, "user_id": user_id, "memory_id": asked.memory_id}
    event = event_of(call, draft)
    _found(call, user_id, asked.memory_id)
    call.connections.note("edit", user_id, by=call.access.name)
    return published(call, [event])


def delete(call: Call, asked: OfMemory, _: None) -> Published:
    """Delete a memory, and the earlier texts that it took the place of: a worker does it."""
    user_id = call.access.user(asked.user_id)
    _found(call, user_id, asked.memory_id)
    call.connections.note("delete", user_id, by=call.access.name)
    draft = {"type": "delete_memory", "user_id": user_id, "memory_id": asked.memory_id}
    return published(call, [event_of(call, draft)])


def told(memory: Memory) -> shapes.Memory:
    return shapes.Memory(
        id=memory.document_id,
        user_id=memory.user_id,
        text=memory.text,
        kind=memory.kind,
        session_id=memory.session_id,
        since=_moment(memory.valid_from),
        stated_at=_moment(memory.stated_at),
        event_start=memory.event_start,
        event_end=memory.event_end,
        confidence=memory.confidence,
        sources=[
            Quote(each.message_id, each.session_id or memory.session_id, each.quote)
            for each in memory.sources
        ],
    )


def _found(call: Call, user_id: str, memory_id: str) -> Memory:
    """By primary key, so that what was written a moment ago is there. Raises NotFound."""
    for memory in call.connections.services.memories.without_vectors([memory_id]):
        if memory.user_id == user_id:
            return memory
    raise NotFound


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
