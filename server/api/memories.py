"""`/v1/memories`: list, read, correct, delete. Somebody else's memory looks like none."""

import msgspec

from tablestore_memory.server.api import telling
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.events import event_of, published
from tablestore_memory.server.api.shapes import (
    Edit,
    Edited,
    ListMemories,
    Memories,
    OfMemory,
    Published,
    WholeMemory,
)
from tablestore_memory.server.problems import Malformed, NotFound
from tablestore_memory.worker.failures.errors import InvalidRow
from tablestore_memory.worker.operations.kept import (
    KeptMemory,
    id_after,
    is_kept,
    kept_memory,
    page_of_memories,
)
from tablestore_memory.worker.stores.documents import DOCUMENT


def listed(call: Call, asked: ListMemories, _: None) -> Memories:
    """All memories of a user, page by page, in no order.

    The last page also has those of the last seconds, however many.
    """
    user_id = call.access.user(asked.user_id)
    services = call.noted("memories", user_id)
    try:
        page = page_of_memories(services, user_id, limit=asked.limit, after=asked.cursor)
    except (ValueError, InvalidRow):
        raise Malformed("no page goes on here", "cursor") from None
    return Memories([telling.memory(each) for each in page.memories], page.next)


def read(call: Call, asked: OfMemory, _: None) -> WholeMemory:
    """One memory, with its history and the messages that it was taken from.

    An id that it had before it was edited leads to it too.
    """
    user_id = call.access.user(asked.user_id)
    call.noted("memories", user_id)
    return telling.whole(_found(call, user_id, asked.memory_id))


def edit(call: Call, asked: OfMemory, edit: Edit) -> Edited:
    """Correct a memory by hand: a worker does it, and the old text goes to the history."""
    user_id = call.access.user(asked.user_id or edit.user_id)
    call.access.user(edit.user_id or user_id)
    changes = msgspec.structs.asdict(edit) | {"user_id": user_id, "memory_id": asked.memory_id}
    event = event_of(call, {"type": "edit_memory", **changes})
    memory = _found(call, user_id, asked.memory_id).memory
    if memory.kind == DOCUMENT:
        raise Malformed("of a message that an app keeps whole: it has to change it", "memory_id")
    call.noted("edit", user_id)
    return Edited(published(call, [event]).event_ids, id_after(memory, edit.text))


def delete(call: Call, asked: OfMemory, _: None) -> Published:
    """Delete a memory, and the earlier texts that it took the place of: a worker does it."""
    user_id = call.access.user(asked.user_id)
    services = call.noted("delete", user_id)
    if not is_kept(services, user_id, asked.memory_id):
        raise NotFound
    draft = {"type": "delete_memory", "user_id": user_id, "memory_id": asked.memory_id}
    return published(call, [event_of(call, draft)])


def _found(call: Call, user_id: str, memory_id: str) -> KeptMemory:
    """By primary key, so that what was written a moment ago is there. Raises NotFound."""
    if found := kept_memory(call.connections.services, user_id, memory_id):
        return found
    raise NotFound
