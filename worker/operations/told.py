"""What is kept of a user as JSON tells it, the same in every answer: times are ISO 8601, text is as it stands."""

from dataclasses import asdict
from typing import Any

from tablestore_memory.worker.operations.moments import iso
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.messages import Turn
from tablestore_memory.worker.stores.sessions import SessionInfo


def told_session(session: SessionInfo) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "update_time": iso(session.update_time),
        "extracted_to": iso(session.watermark),
    }


def told_message(message: Turn) -> dict[str, Any]:
    return asdict(message) | {"created_at": iso(message.created_at)}


def told_memory(memory: Memory) -> dict[str, Any]:
    times = {"valid_from": iso(memory.valid_from), "valid_to": None}
    latest = {"stated_at": iso(memory.stated_at), "edited_at": iso(memory.edited_at)}
    return asdict(memory) | times | latest


def told_replaced(entry: Replaced) -> dict[str, Any]:
    times = {"valid_from": iso(entry.valid_from), "valid_to": iso(entry.replaced_at)}
    told = asdict(entry) | times | {"replaced_at": iso(entry.replaced_at)}
    return {name: value for name, value in told.items() if name != "written_ms"}
