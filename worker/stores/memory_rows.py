"""A memory as a row of the memory table, and back. Nothing here does I/O.

Columns beyond AgentScope's own do its readers no harm: they ask for theirs only. A row without our `kind`
is one that AgentScope's service wrote: a document like those that apps hand to us.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from tablestore_memory.worker.stores.columns import (
    Columns,
    day,
    integer,
    json_list,
    number,
    stamp,
    text,
)
from tablestore_memory.worker.stores.documents import DOCUMENT, KIND, TENANT
from tablestore_memory.worker.stores.fields import message_fields
from tablestore_memory.worker.stores.memory import Memory, Source
from tablestore_memory.worker.stores.rows import OWNER, RECEIVED, Key, RowWrite, Value, to_json

_AS_WRITTEN = msgspec.json.Decoder(list[Source])
_OPTIONAL = ("subject", "said_by", "model", "prompt_version")
_DAYS = ("event_start", "event_end")
_STRINGS = (KIND, *_OPTIONAL, *_DAYS)

COLUMNS = [
    *("document_id", TENANT, "text", OWNER, "session_id", RECEIVED),
    *("confidence", "valid_from", "stated_at", "edited_at", "sources", *_STRINGS),
]
"""What is asked for of a memory without its vector."""


def memory_row(table: str, where: Key, memory: Memory, embedding: Sequence[float]) -> RowWrite:
    """The row of an identified memory under its key, its embedding as a JSON array."""
    columns: dict[str, Value] = {
        "text": memory.text,
        "embedding": json.dumps([round(x, 7) for x in embedding]),
        OWNER: memory.user_id,
        "session_id": memory.session_id,
        RECEIVED: memory.received_ms,
        "confidence": memory.confidence,
        "valid_from": memory.valid_from,
        "stated_at": memory.stated_at,
        "sources": to_json([asdict(source) for source in memory.sources]),
    }
    optional = (*_STRINGS, "edited_at")
    columns |= {name: value for name in optional if (value := getattr(memory, name))}
    columns |= message_fields("user", "message", [{"type": "text"}], {})
    return RowWrite(table, where, tuple(columns.items()), owner=memory.user_id, ours=KIND)


def memory_of(document_id: str, columns: Columns) -> Memory:
    """The memory of a row that anybody may have written: what it lacks keeps its default."""
    valid_from = stamp(columns, "valid_from")
    return Memory(
        document_id=document_id,
        user_id=text(columns, OWNER),
        text=text(columns, "text"),
        session_id=text(columns, "session_id"),
        received_ms=integer(columns, RECEIVED),
        confidence=number(columns, "confidence", 1.0),
        valid_from=valid_from,
        stated_at=stamp(columns, "stated_at", valid_from),
        edited_at=stamp(columns, "edited_at"),
        sources=sources_of(columns),
        kind=text(columns, KIND) or DOCUMENT,
        **{name: value for name in _OPTIONAL if name in columns and (value := text(columns, name))},
        **{name: day(columns, name) for name in _DAYS if name in columns},
    )


def sources_of(columns: Columns) -> tuple[Source, ...]:
    """Those that can be read."""
    try:
        return tuple(_AS_WRITTEN.decode(text(columns, "sources")))
    except msgspec.DecodeError:
        return _readable(columns)


def _readable(columns: Columns) -> tuple[Source, ...]:
    """Of what another program wrote, or a release that knew less: each value by itself."""
    return tuple(
        Source(
            text(each, "message_id"),
            text(each, "quote"),
            text(each, "session_id"),
            integer(each, RECEIVED),
            integer(each, "created_at"),
        )
        for each in json_list(columns, "sources")
        if isinstance(each, dict)
    )
