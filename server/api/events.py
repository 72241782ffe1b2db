"""`POST /v1/events`, and all else that publishes."""

from collections.abc import Iterator
from typing import Any

from tablestore_memory.producer.errors import QueueFull
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import DeleteMemory, EditMemory, Event, Forget
from tablestore_memory.server.access import Access
from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.reading import malformed
from tablestore_memory.server.api.shapes import Draft, Nothing, Published
from tablestore_memory.server.problems import Forbidden, Malformed, Unavailable

_MOST = 1_000
# What the audit has, however it is asked for.
_BY_HAND: dict[type[Event], str] = {Forget: "forget", EditMemory: "edit", DeleteMemory: "delete"}
_DELIVERED_WITHIN_S = 0.2
"""Takes milliseconds while Redis answers, and whoever asks next finds the event on its way."""


def publish(call: Call, _: Nothing, drafts: Draft | list[Draft]) -> Published:
    """One event, or a list: all of them, or none if one is malformed."""
    listed = drafts if isinstance(drafts, list) else [drafts]
    if len(listed) > _MOST:
        raise Malformed(f"more than {_MOST} events", "body")
    events = list(_events(call, listed, is_list=isinstance(drafts, list)))
    for command, user_id in {(_BY_HAND[type(e)], e.user_id) for e in events if type(e) in _BY_HAND}:
        call.noted(command, user_id)
    return published(call, events)


def published(call: Call, events: list[Event]) -> Published:
    """In Redis as a rule; while that is away, on disk. Raises Unavailable where there is room in neither.

    An event without an id of its own may then be stored twice, if who asked sends it again.
    """
    publisher = call.connections.publisher
    try:
        ids = [publisher.publish(event) for event in events]
    except QueueFull:
        raise Unavailable("Redis is away, and there is no room for more events") from None
    if not publisher.flush(_DELIVERED_WITHIN_S) and publisher.stats().memory_events:
        raise Unavailable("Redis is away, and the disk takes no events: they may be lost")
    return Published(ids)


def event_of(call: Call, draft: Draft) -> Event:
    """The complete event. Raises Malformed."""
    try:
        return call.connections.event_of(draft)
    except MalformedEvent as error:
        raise malformed(error) from None


def _events(call: Call, drafts: list[Draft], *, is_list: bool) -> Iterator[Event]:
    for number, draft in enumerate(drafts):
        where = f"[{number}]." if is_list else ""
        try:
            user_id = _user(call.access, draft.get("user_id"), where)
            yield call.connections.event_of(draft | {"user_id": user_id})
        except MalformedEvent as error:
            raise malformed(error, where) from None


def _user(access: Access, named: Any, where: str) -> Any:
    """What the protocol then looks at. Raises Forbidden."""
    if access.user_id is None:
        return named
    if named not in (None, access.user_id):
        raise Forbidden("not within this token", f"{where}user_id")
    return access.user_id
