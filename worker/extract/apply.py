"""Changes become rows: history first, then the new memory, then the old one goes.

In this order a crash leaves a fact too many for a moment, never one too few; doing it again changes
nothing, as every row's key comes from what it says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tablestore as ots

from tablestore_memory.worker.extract.consolidate import Change
from tablestore_memory.worker.extract.unseen import Unseen, Written
from tablestore_memory.worker.stores.history import History
from tablestore_memory.worker.stores.memories import Embedded, Memories
from tablestore_memory.worker.stores.rows import RowWrite
from tablestore_memory.worker.stores.write import write_all


@dataclass(frozen=True)
class Apply:
    """The collaborators of an application."""

    client: ots.OTSClient
    memories: Memories
    history: History
    unseen: Unseen


def apply(
    step: Apply, user_id: str, changes: Sequence[Change], still_ours: Callable[[], None]
) -> None:
    """Write the changes of one user. Raises what kept a row from being written.

    `still_ours` raises Busy when the user's lease was lost; it is asked before each kind of write.
    """
    written, removed = _outcome(changes)
    step.unseen.add(user_id, [each.memory.document_id for each in written])
    history = [
        step.history.row(old, change.written.memory, reason=change.reason)
        for change in changes
        for old in change.replaces
    ]
    rows = [step.memories.row(each.memory, each.vector or ()) for each in written]
    for batch in (_unique(history), rows, [step.memories.deletion(key) for key in removed]):
        if batch:
            still_ours()
            write_all(step.client, batch)
    step.unseen.forget(Written(user_id, key) for key in removed)


def _outcome(changes: Sequence[Change]) -> tuple[list[Embedded], list[str]]:
    """What is there and what is gone after all changes: one may undo another."""
    outcome: dict[str, Embedded | None] = {}
    for change in changes:
        outcome |= dict.fromkeys((old.document_id for old in change.replaces), None)
        outcome[change.written.memory.document_id] = change.written
    written = [each for each in outcome.values() if each]
    return written, [key for key, each in outcome.items() if not each]


def _unique(rows: Sequence[RowWrite]) -> list[RowWrite]:
    """A batch may hold a key once."""
    return list({row.key: row for row in rows}.values())
