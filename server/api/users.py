"""What is asked for a user as a whole: to be forgotten."""

from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.events import event_of, published
from tablestore_memory.server.api.shapes import Forgetting, Nothing, Published


def forget(call: Call, _: Nothing, asked: Forgetting) -> Published:
    """Forget a user or one session: what is stored, remembered, on its way or set aside. A worker does it."""
    user_id = call.access.user(asked.user_id)
    draft = {"type": "forget", "user_id": user_id, "session_id": asked.session_id}
    event = event_of(call, draft | {"event_id": asked.event_id})
    call.connections.note("forget", user_id, by=call.access.name)
    return published(call, [event])
