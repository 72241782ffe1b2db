"""What is asked for a user as a whole: to be told all there is, or to be forgotten."""

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec
from starlette.responses import Response, StreamingResponse

from tablestore_memory.server.api.call import Call
from tablestore_memory.server.api.events import event_of, published
from tablestore_memory.server.api.shapes import Forgetting, Nothing, Published, UserOfPath
from tablestore_memory.worker.operations.kept import exported

# A text, as generators of clients leave out what they do not know.
JSON_LINES = "text/x-ndjson"
_CHUNK_BYTES = 65_536


def export(call: Call, asked: UserOfPath, _: None) -> Response:
    """All that is stored and remembered of a user, as JSON lines.

    The last line is the record `end` with the counts; without it the export is not whole.
    """
    user_id = call.access.user_of_path(asked.user_id)
    services = call.noted("export", user_id)
    chunks = _chunks(exported(services, user_id))
    # Before an answer begins: a store that is away is then told as such.
    begun = chain([next(chunks)], chunks)
    return StreamingResponse(begun, media_type=JSON_LINES)


def forget(call: Call, _: Nothing, asked: Forgetting) -> Published:
    """Forget a user or one session: what is stored, remembered, on its way or set aside. A worker does it."""
    user_id = call.access.user(asked.user_id)
    draft = {"type": "forget", "user_id": user_id, "session_id": asked.session_id}
    event = event_of(call, draft | {"event_id": asked.event_id})
    call.noted("forget", user_id)
    return published(call, [event])


def _chunks(records: Iterable[object]) -> Iterator[bytes]:
    """Lines, many at a time: each chunk crosses from a thread to the event loop."""
    lines = bytearray()
    for record in records:
        lines += msgspec.json.encode(record) + b"\n"
        if len(lines) >= _CHUNK_BYTES:
            yield bytes(lines)
            lines.clear()
    yield bytes(lines)
