"""Changes become rows: history first, then the new memory, then the old one goes.

In this order a crash leaves a fact too many for a moment, never one too few; doing it again changes
nothing, as every row's key comes from what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import tablestore as ots

from worker.extract.confirm import Unseen, Written
from worker.extract.consolidate import Change
from worker.qwen import Qwen
from worker.stores.history import History
from worker.stores.memories import Memories, Memory
from worker.stores.rows import RowWrite
from worker.stores.write import write_all


@dataclass(frozen=True)
class Apply:
    """The collaborators of an application."""

    client: ots.OTSClient
    qwen: Qwen
    memories: Memories
    history: History
    unseen: Unseen


def apply(step: Apply, user_id: str, changes: Sequence[Change]) -> None:
    """Write the changes of one user. Raises what kept a row from being written."""
    kept = {c.memory.document_id: c.memory for c in changes if c.memory}
    gone = {m.document_id: m for c in changes for m in c.replaces}
    removed = [key for key in gone if key not in kept]
    step.unseen.add(user_id, kept)
    rows = [
        step.history.row(old, change.memory, reason=change.reason)
        for change in changes
        if change.memory
        for old in change.replaces
    ]
    write_all(step.client, _unique(rows))
    write_all(step.client, _memory_rows(step, list(kept.values())))
    write_all(step.client, [step.memories.deletion(key) for key in removed])
    step.unseen.forget(Written(user_id, key) for key in removed)


def _memory_rows(step: Apply, memories: list[Memory]) -> list[RowWrite]:
    vectors = step.qwen.embed([memory.text for memory in memories]) if memories else []
    return [step.memories.row(m, vector) for m, vector in zip(memories, vectors, strict=True)]


def _unique(rows: Sequence[RowWrite]) -> list[RowWrite]:
    """A batch may hold a key once."""
    return list({row.key: row for row in rows}.values())
