"""What changes do to a user's memories, in numbers."""

from collections.abc import Collection, Sequence

from tablestore_memory.worker.consolidation.changes import Change


def tally(changes: Sequence[Change], known: Collection[str]) -> dict[str, int]:
    """How many memories were added, changed where they stand, and moved to the history; `known` stood before."""
    there, added = set(known), 0
    for change in changes:
        document_id = change.written.memory.document_id
        added += document_id not in there
        there.add(document_id)
    replaced = sum(len(change.replaces) for change in changes)
    return {"added": added, "changed": len(changes) - added, "replaced": replaced}
