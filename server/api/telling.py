"""What is kept, as the answers tell it."""

from typing import Any

from tablestore_memory.recall import Quote
from tablestore_memory.server.api.shapes import Earlier, Said, WholeMemory
from tablestore_memory.server.api.shapes import Memory as Told
from tablestore_memory.worker.operations.kept import KeptMemory
from tablestore_memory.worker.stores.columns import moment
from tablestore_memory.worker.stores.memory import Memory, session_of


def memory(memory: Memory) -> Told:
    return Told(**_fields(memory))


def whole(kept: KeptMemory) -> WholeMemory:
    return WholeMemory(
        **_fields(kept.memory),
        history=[
            Earlier(
                id=each.document_id,
                text=each.text,
                kind=each.kind,
                since=moment(each.valid_from),
                until=moment(each.replaced_at),
                reason=each.reason,
                replaced_by=each.replaced_by,
            )
            for each in kept.history
            if each.text  # what was deleted has none
        ],
        evidence=[
            Said(each.message_id, moment(each.created_at), each.role, each.speaker, each.text)
            for each in kept.evidence
        ],
    )


def _fields(memory: Memory) -> dict[str, Any]:
    return {
        "id": memory.document_id,
        "user_id": memory.user_id,
        "text": memory.text,
        "kind": memory.kind,
        "session_id": memory.session_id,
        "since": moment(memory.valid_from),
        "stated_at": moment(memory.stated_at),
        "event_start": memory.event_start,
        "event_end": memory.event_end,
        "confidence": memory.confidence,
        "sources": [
            Quote(each.message_id, session_of(each, memory), each.quote) for each in memory.sources
        ],
    }
