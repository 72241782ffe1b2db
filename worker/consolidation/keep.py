"""A whole message that an AgentScope app wants kept: beside what is known, replacing nothing."""

from collections.abc import Callable, Sequence

import structlog

from tablestore_memory.protocol.events import Remember
from tablestore_memory.worker.consolidation.apply import Apply
from tablestore_memory.worker.failures.errors import NotOwner
from tablestore_memory.worker.indexing.unindexed import MemoryRef
from tablestore_memory.worker.stores.documents import DEFAULT_SESSION, document_ids
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.write import write_all

log = structlog.get_logger()


def is_forgotten(step: Apply, event: Remember, received_ms: int) -> bool:
    return step.tombstones.covers(event.user_id, event.session_id or DEFAULT_SESSION, received_ms)


def keep_document(
    step: Apply,
    event: Remember,
    vector: Sequence[float],
    received_ms: int,
    ensure_lease_held: Callable[[], None],
) -> None:
    """Write the document's row, under the user's lease, unless it is forgotten, or was deleted by hand since.

    It has the app's id; where that is another's, one bound to its user. Raises NotOwner if both are.
    """
    if is_forgotten(step, event, received_ms):
        return
    ids = _ids(step, event)
    since = step.history.of_user(event.user_id, since=event.created_at)
    if any(entry.by_hand and entry.document_id in ids for entry in since):
        return
    rows = [step.memories.document(event, each, vector, received_ms) for each in ids]
    try:
        _write_one(step, event.user_id, dict(zip(ids, rows, strict=True)), ensure_lease_held)
    finally:
        # Asked once more: a worker may have been stopped past its lease.
        if is_forgotten(step, event, received_ms):
            gone = [step.memories.forgetting(event.user_id, each, received_ms) for each in ids]
            write_all(step.client, gone)
            step.unindexed.forget(MemoryRef(event.user_id, each) for each in ids)


def _ids(step: Apply, event: Remember) -> Sequence[str]:
    """Where to write it: where it stands already, else the ids it may have, in turn."""
    ids = document_ids(event)
    own = {row.document_id for row in step.memories.theirs(event.user_id, ids)}
    return ids[-1:] if ids[-1] in own else ids


def _write_one(
    step: Apply, user_id: str, rows: dict[str, RowWrite], ensure_lease_held: Callable[[], None]
) -> None:
    """The first of the rows whose key is not another's."""
    for document_id, row in rows.items():
        step.unindexed.add(user_id, [document_id])
        ensure_lease_held()
        try:
            write_all(step.client, [row])
        except NotOwner:
            step.unindexed.forget([MemoryRef(user_id, document_id)])
            log.info("memory.id_taken", document_id=document_id)
        else:
            log.info("document.remembered", document_id=document_id)
            return
    raise NotOwner
