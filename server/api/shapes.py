"""What is asked and what is answered, as types: they validate, and the OpenAPI document is written of them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tablestore_memory.protocol.events import Day, Id, MemoryKind, Text
from tablestore_memory.recall import Quote
from tablestore_memory.recall.asked import KINDS

Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601, with a time zone")]
_USER = "Needed where the token is for all users; where it is for one, that one or nothing."
User = Annotated[str, Meta(min_length=1, max_length=1024, description=_USER)] | None
# Told here and checked by the recall, which says what there is.
Kinds = list[Annotated[str, Meta(extra_json_schema={"enum": list(KINDS)})]]
Draft = dict[str, Any]
"""An event as it comes: checked by the protocol when it is published."""


class Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what a request holds."""


class Nothing(Asked):
    """No parameter."""


class OfUser(Asked, kw_only=True):
    user_id: User = None


class OfMemory(OfUser, kw_only=True):
    memory_id: Id


class ListMemories(OfUser, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="Of a page.")] = 50
    cursor: (
        Annotated[str, Meta(max_length=4096, description="The `next` of the page before.")] | None
    ) = None


class Question(OfUser, kw_only=True):
    """What is asked of a recall; docs/recall.md says more."""

    query: Annotated[str, Meta(description="What the user said, or what is looked for.")]
    tokens: Annotated[int, Meta(ge=1, le=1_000_000)] = 2_000
    facts_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    kinds: Kinds | None = None
    session_id: Id | None = None
    since: Moment | None = None
    until: Moment | None = None
    as_of: Moment | None = None
    deadline_s: Annotated[float, Meta(gt=0, le=30)] | None = None
    rerank: bool | None = None
    explain: bool = False


class Edit(OfUser, kw_only=True):
    """What is given takes the place of what was there; an empty date takes it away."""

    text: Text | None = None
    kind: MemoryKind | None = None
    event_start: Day | None = None
    event_end: Day | None = None
    event_id: Id | None = None


class Forgetting(OfUser, kw_only=True):
    """Everything of the user, or of one session."""

    session_id: Id | None = None
    event_id: Id | None = None


class UserOfPath(Asked, kw_only=True):
    user_id: Id


class Published(msgspec.Struct):
    """The server has them, and workers do what they say: in a moment, and each once, however often it is sent."""

    event_ids: list[str]


class Edited(Published):
    """`memory_id` is the memory's id from then on: it follows from the text."""

    memory_id: str


class Memory(msgspec.Struct):
    """A fact that holds. `event_start` and `event_end` are dates of what it tells of, as exact as was said."""

    id: str
    user_id: str
    text: str
    kind: str
    session_id: str
    since: Moment
    stated_at: Moment
    event_start: str | None
    event_end: str | None
    confidence: float
    sources: list[Quote]


class Earlier(msgspec.Struct):
    """What a memory was before: it held until `until`."""

    id: str
    text: str
    kind: str
    since: Moment
    until: Moment
    reason: str
    replaced_by: str


class Said(msgspec.Struct):
    """A message that a memory was taken from."""

    message_id: str
    at: Moment
    role: str
    speaker: str
    text: str


class WholeMemory(Memory):
    """With what it was before, oldest first, and its messages as far as they are still there."""

    history: list[Earlier]
    evidence: list[Said]


class Memories(msgspec.Struct):
    """A page. `next` is the `cursor` of the one after it, None for the last."""

    memories: list[Memory]
    next: str | None


class Health(msgspec.Struct):
    """`ok`, or what does not answer."""

    status: str
