"""What a model gives to a tool, and what it gets: short, as a model reads all of it."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tablestore_memory.protocol.events import Id
from tablestore_memory.recall import RecalledMemory
from tablestore_memory.server.api.shapes import Kinds, Memory

User = (
    Annotated[
        str, Meta(min_length=1, max_length=1024, description="Whose memories: the user's id.")
    ]
    | None
)


class Arguments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    user_id: User = None


class AddMemory(Arguments, kw_only=True):
    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=8_000,
            description="One fact as a whole sentence that can be understood alone, naming who it is about.",
        ),
    ]


class SearchMemories(Arguments, kw_only=True):
    query: Annotated[str, Meta(description="What to look for, in plain words.")]
    kinds: Annotated[Kinds, Meta(description="Only memories of these kinds.")] | None = None
    tokens: Annotated[
        int, Meta(ge=50, le=16_000, description="About how long the answer may be, in tokens.")
    ] = 1_000


class GetMemories(Arguments, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="The most memories of one answer.")] = 50
    cursor: (
        Annotated[str, Meta(max_length=4096, description="`next` of the answer before, to go on.")]
        | None
    ) = None


class DeleteMemory(Arguments, kw_only=True):
    memory_id: Annotated[
        Id, Meta(description="The `id` that search_memories or get_memories gave.")
    ]


class Taken(msgspec.Struct):
    """It will be done in a few seconds."""

    event_id: str
    status: str = "accepted"


class Fact(msgspec.Struct, omit_defaults=True):
    """`since` and `until` are when it holds, `event_start` and `event_end` when what it tells of was."""

    id: str
    text: str
    kind: str
    since: str
    until: str | None = None
    event_start: str | None = None
    event_end: str | None = None


class Turn(msgspec.Struct):
    """A message of an earlier conversation."""

    at: str
    speaker: str
    text: str


class Found(msgspec.Struct, omit_defaults=True):
    """`missing` are parts of the search that did not answer in time: then there may be more."""

    memories: list[Fact]
    turns: list[Turn]
    missing: list[str] = []


class Page(msgspec.Struct, omit_defaults=True):
    """`next` is the cursor of the next page, if there is one."""

    memories: list[Fact]
    next: str | None = None


def fact(memory: RecalledMemory | Memory) -> Fact:
    until = memory.until if isinstance(memory, RecalledMemory) else None
    return Fact(
        id=memory.id,
        text=memory.text,
        kind=memory.kind,
        since=_day(memory.since),
        until=_day(until) if until else None,
        event_start=memory.event_start,
        event_end=memory.event_end,
    )


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
