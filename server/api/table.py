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
    Forgetting,
    ListMemories,
    Memories,
    Memory,
    Nothing,
    OfMemory,
    Published,
    Question,
)


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
        "POST",
        "/v1/events",
        "publish",
        events.publish,
        Published,
        body=Draft | list[Draft],
        status=202,
    ),
    Operation("POST", "/v1/recall", "recall", recalls.recall, Recalled, body=Question),
    Operation("GET", "/v1/memories", "list_memories", memories.listed, Memories, ListMemories),
    Operation("GET", "/v1/memories/{memory_id}", "read_memory", memories.read, Memory, OfMemory),
    Operation(
        *("PATCH", "/v1/memories/{memory_id}", "edit_memory", memories.edit, Published),
        OfMemory,
        Edit,
        202,
    ),
    Operation(
        *("DELETE", "/v1/memories/{memory_id}", "delete_memory", memories.delete, Published),
        OfMemory,
        status=202,
    ),
    Operation("POST", "/v1/forget", "forget", users.forget, Published, body=Forgetting, status=202),
    Operation("GET", "/metrics", "metrics", health.metrics, "text/plain"),
)
