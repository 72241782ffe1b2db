"""All operations over HTTP, in one table: what is asked, what is answered, and which function does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tablestore_memory.recall import Recalled
from tablestore_memory.server.api import events, health, memories, recalls, users
from tablestore_memory.server.api.shapes import (
    Asked,
    Draft,
    Edit,
    Edited,
    Forgetting,
    ListMemories,
    Memories,
    Nothing,
    OfMemory,
    Published,
    Question,
    UserOfPath,
    WholeMemory,
)

_MEMORY = "/v1/memories/{memory_id}"


@dataclass(frozen=True)
class Operation:
    """`body` is None where none is read; a function that waits for others is `async`, all others run in a thread.
    `answer` is a type, or the media type of what the function sends itself."""

    method: str
    path: str
    name: str
    function: Callable[..., Any]
    answer: Any
    parameters: type[Asked] = Nothing
    body: Any = None
    status: int = 200


OPERATIONS = (
    Operation(
        *("POST", "/v1/events", "publish", events.publish, Published),
        body=Draft | list[Draft],
        status=202,
    ),
    Operation("POST", "/v1/recall", "recall", recalls.recall, Recalled, body=Question),
    Operation("GET", "/v1/memories", "list_memories", memories.listed, Memories, ListMemories),
    Operation("GET", _MEMORY, "read_memory", memories.read, WholeMemory, OfMemory),
    Operation("PATCH", _MEMORY, "edit_memory", memories.edit, Edited, OfMemory, Edit, 202),
    Operation(
        *("DELETE", _MEMORY, "delete_memory", memories.delete, Published), OfMemory, status=202
    ),
    Operation(
        *("GET", "/v1/users/{user_id}/export", "export_user", users.export, users.JSON_LINES),
        UserOfPath,
    ),
    Operation("POST", "/v1/forget", "forget", users.forget, Published, body=Forgetting, status=202),
    Operation("GET", "/metrics", "metrics", health.metrics, "text/plain"),
)
