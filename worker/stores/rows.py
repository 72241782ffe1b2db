"""Rows in AgentScope Runtime 1.0.5's layout: what its services write and read. Nothing here does I/O.

A message row holds `content`, the first text part, and every other field of AgentScope's Message as a
string; `content_list` is the JSON of the parts with that first text taken out. Ours adds `user_id`, as
the table's key knows sessions only, and two users may name a session alike.
"""

from functools import cache
from operator import attrgetter
from typing import Any, Literal

import msgspec

from tablestore_memory.protocol.documents import PUBLISHED
from tablestore_memory.protocol.events import OPENAI_FIELDS, Message
from tablestore_memory.worker.stores.fields import message_fields
from tablestore_memory.worker.stores.parts import split_content

Value = str | int | float | bool
Key = tuple[tuple[str, str | int], ...]
Columns = tuple[tuple[str, Value], ...]

WATERMARK = "memory_watermark"
RECEIVED = "received_ms"  # when the event was published, by Redis' clock: what a `forget` goes by
UTC_OFFSET = "utc_offset_min"  # of a message: what "yesterday" was for its speaker
OWNER = "user_id"


class RowWrite(msgspec.Struct, frozen=True, gc=False):
    """One row of a batch, and what must hold of the row that is there already.

    `owner`: it names this user. `ours`: it also has this column, which only rows of ours have.
    `or_unowned`: it may name nobody. `upto_ms`: it was received by then, or has no receipt. A put with
    an owner may also meet no row; a deletion whose conditions do not hold has nothing to delete.
    `only_newer` names an integer column that may only grow. `made`: a row that an update makes has these
    columns, too; `if_there`: it makes none.
    """

    table: str
    key: Key
    columns: Columns
    kind: Literal["put", "update", "delete"] = "put"
    only_newer: str | None = None
    made: Columns = ()
    if_there: bool = False
    owner: str | None = None
    ours: str | None = None
    or_unowned: bool = False
    upto_ms: int | None = None

    @property
    def is_put_anew(self) -> bool:
        """Whether it is put where no row is, and changes one only when it meets one."""
        if self.kind == "update":
            return bool(self.made) and not self.if_there
        return self.kind == "put" and self.owner is not None


_openai_fields = attrgetter(*OPENAI_FIELDS)
_further = attrgetter(
    "message_type", "fields", "name", "metadata", "utc_offset_min", *OPENAI_FIELDS
)
_NOTHING_FURTHER: tuple[Any, ...] = ("message", {}, None, None, 0, *(None for _ in OPENAI_FIELDS))


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def message_row(table: str, event: Message, received_ms: int) -> RowWrite:
    """The row of one message, keyed (session_id, create_time in µs, message_id)."""
    text = event.content
    if text and isinstance(text, str) and _further(event) == _NOTHING_FURTHER:  # as nearly all are
        said: Columns = (("content", text), *_beside_a_text(event.role))
    else:
        said = tuple(_columns(event).items())
    key = message_key(event.session_id, event.created_at, event.message_id)
    whose = (OWNER, event.user_id), (RECEIVED, received_ms)
    return RowWrite(table, key, whose + said, owner=event.user_id)


@cache
def _beside_a_text(role: str) -> Columns:
    """What the row of a message holds that is one text and nothing further: the same for all of a role."""
    return tuple(message_fields(role, "message", [{"type": "text"}], {}).items())


def _columns(event: Message) -> dict[str, Value]:
    text, parts = split_content(event.content, event.message_type)
    given = zip(OPENAI_FIELDS, _openai_fields(event), strict=True)
    extra = event.fields | {name: value for name, value in given if value is not None}
    metadata = event.metadata
    if event.name is not None:
        metadata = {**(metadata or {}), "name": event.name}
    columns: dict[str, Value] = {"content": text} if text else {}
    columns |= message_fields(event.role, event.message_type, parts, extra, metadata)
    if event.utc_offset_min:
        columns[UTC_OFFSET] = event.utc_offset_min
    return columns


def message_key(session_id: str, created_at: int, message_id: str) -> Key:
    return (("session_id", session_id), ("create_time", created_at), ("message_id", message_id))


def session_row(
    table: str, user_id: str, session_id: str, update_time: int, *, if_there: bool = False
) -> RowWrite:
    """The session's row made or moved forward: its `update_time` (µs) never goes back.

    One that is made says so: it shows that its user published into the session, not that the session is theirs.
    """
    key: Key = (("user_id", user_id), ("session_id", session_id))
    return RowWrite(
        table,
        key,
        (("update_time", update_time),),
        kind="update",
        only_newer="update_time",
        made=((PUBLISHED, True),),
        if_there=if_there,
    )
