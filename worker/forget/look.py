"""One look at every place: what stays is made due again, then what is covered is deleted.

Session rows go last, so that a look that was broken off is made good by the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tablestore as ots

from tablestore_memory.worker.costs.ledger import Ledger
from tablestore_memory.worker.forget.in_flight import InFlight
from tablestore_memory.worker.forget.memories import Remembered
from tablestore_memory.worker.forget.messages import Left, forget_messages
from tablestore_memory.worker.forget.receipts import DeletionReceipts
from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.forget.traces import Traces
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.stores.costs import Costs
from tablestore_memory.worker.stores.memory_index import MemoryIndex
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.write import write_all


@dataclass(frozen=True)
class Forgetting:
    """The collaborators of forgetting: the places, and what is told of them."""

    client: ots.OTSClient
    sessions: Sessions
    remembered: Remembered
    index: MemoryIndex
    in_flight: InFlight
    traces: Traces
    due: DueSessions
    receipts: DeletionReceipts
    ledger: Ledger
    costs: Costs


@dataclass
class Look:
    """The looks of one attempt. `held` are events that a drain may hold; `gone` sessions with nothing left."""

    step: Forgetting
    scope: Scope
    event_id: str
    held: int = 0
    gone: set[str] = field(default_factory=set)
    _found: int = 0

    def delete(self) -> int:
        """Look everywhere once and delete what is covered. Returns how much there was."""
        step, scope = self.step, self.scope
        self._found = 0
        is_first = not step.receipts.started(self.event_id)
        counts, self.held = step.in_flight.forget(scope)
        self._count(counts)
        rows = {info.session_id for info in step.sessions.of_user(scope.user_id)}
        rows = {session_id for session_id in rows if scope.in_session(session_id)}
        seen = rows | step.traces.session_ids(scope) | self.gone
        left = self._messages(seen, rows)
        kept = self._memories(left, is_first)
        self.gone = seen - left.keys()
        self._count(step.traces.forget_sessions(scope.user_id, self.gone))
        self._count(step.traces.forget_marks(scope, kept))
        over = [step.sessions.deletion(scope.user_id, s) for s in rows - left.keys()]
        write_all(step.client, over)
        self._count({"sessions": len(over)})
        return self._found

    def _messages(self, seen: set[str], rows: set[str]) -> dict[str, Left]:
        """The sessions with messages left; one that lost its row to an earlier look gets it back."""
        step, scope = self.step, self.scope
        every = {s: forget_messages(step.client, step.sessions, scope, s) for s in seen}
        self._count({"messages": sum(left.deleted for left in every.values()), "unowned": 0})
        if unowned := sum(every[session_id].unowned for session_id in rows):
            step.receipts.note(self.event_id, "unowned", unowned)
        left = {s: found for s, found in every.items() if found.first is not None}
        lost = left.keys() - rows
        write_all(step.client, [step.sessions.row(scope.user_id, s, left[s].newest) for s in lost])
        return left

    def _memories(self, left: Mapping[str, Left], is_first: bool) -> set[str]:
        """The ids of memories that stay. Whatever is deleted may have had a part in what stays: that is
        made due before, so that a crash in between loses nothing."""
        step, scope = self.step, self.scope
        every = step.remembered.of_user(scope.user_id)
        covered = [memory for memory in every if scope.covers(memory)]
        history = step.remembered.history_of(scope, covered)
        plans = [s for s in left if step.traces.has_covered_plan(scope, s)]
        some = bool(is_first or covered or history or plans)
        for session_id in left if some else left.keys() & self.gone:
            step.due.add(scope.user_id, session_id, left[session_id].first or 0)
        if scope.session_id is not None:
            step.remembered.due_again(scope, [*covered, *history])
        self._count(step.remembered.delete(scope, covered, history))
        self._count({"plans": step.traces.drop_plans(scope.user_id, plans)})
        return {m.document_id for m in every} - {m.document_id for m in covered}

    def _count(self, counts: Mapping[str, int]) -> None:
        self._found += sum(counts.values())
        self.step.receipts.add(self.event_id, counts)
