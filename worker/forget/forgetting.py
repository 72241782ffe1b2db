"""Forget a session, or all there is of a user, and prove it: read everything back until nothing is found.

Under the user's lease, after the tombstone was noted. Only a complete look that finds nothing, over an index
that shows all there was at the time of the request, ends it. Qwen is not needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tablestore as ots

from tablestore_memory.worker.costs.ledger import Ledger
from tablestore_memory.worker.failures.errors import Busy, IndexBehind
from tablestore_memory.worker.forget.costs import forget_costs
from tablestore_memory.worker.forget.in_flight import InFlight
from tablestore_memory.worker.forget.memories import Remembered
from tablestore_memory.worker.forget.messages import Left, StoredMessages
from tablestore_memory.worker.forget.receipts import DeletionReceipts, Receipt
from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.forget.traces import Traces
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.stores.costs import Costs
from tablestore_memory.worker.stores.memory_index import MemoryIndex
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.write import write_all

_LOOKS = 4  # one that deletes, one that finds nothing, and two for what came in between


@dataclass(frozen=True)
class Forgetting:
    """All places where something of a user may stand, and what is told of them."""

    client: ots.OTSClient
    sessions: Sessions
    messages: StoredMessages
    remembered: Remembered
    index: MemoryIndex
    in_flight: InFlight
    traces: Traces
    due: DueSessions
    receipts: DeletionReceipts
    ledger: Ledger
    costs: Costs

    def carry_out(self, scope: Scope, event_id: str) -> Receipt:
        """Delete what is covered. The receipt counts it by place, over all attempts.

        Raises Busy while a drain may hold some of it, and IndexBehind until the index shows what there was:
        everything else is deleted by then, and it is to be tried again.
        """
        if scope.session_id is None:
            forget_costs(self.client, self.ledger, self.costs, scope.user_id)
        look = Look(self, scope, event_id)
        for _ in range(_LOOKS):
            is_listed = self.index.shows_all_before(scope.upto_ms)
            found = look.delete()
            if look.held:
                raise Busy("a drain may hold events that are to be forgotten")
            if not found and not is_listed:
                raise IndexBehind("the index does not show yet what there was when it was asked")
            if not found:
                return self.receipts.finish(event_id)
        raise Busy("what is to be forgotten keeps coming")


@dataclass
class Look:
    """The looks of one attempt: what stays is made due again, then what is covered is deleted.

    Session rows go last, so that a look that was broken off is made good by the next one. `held` are events that
    a drain may hold; `gone` sessions with nothing left.
    """

    places: Forgetting
    scope: Scope
    event_id: str
    held: int = 0
    gone: set[str] = field(default_factory=set)
    _found: int = 0

    def delete(self) -> int:
        """Look everywhere once and delete what is covered. Returns how much there was."""
        places, scope = self.places, self.scope
        self._found = 0
        is_first = not places.receipts.started(self.event_id)
        counts, self.held = places.in_flight.forget(scope)
        self._count(counts)
        rows = {info.session_id for info in places.sessions.of_user(scope.user_id)}
        rows = {session_id for session_id in rows if scope.in_session(session_id)}
        seen = rows | places.traces.session_ids(scope) | self.gone
        left = self._messages(seen, rows)
        kept = self._memories(left, is_first)
        self.gone = seen - left.keys()
        self._count(places.traces.forget_sessions(scope.user_id, self.gone))
        self._count(places.traces.forget_marks(scope, kept))
        over = [places.sessions.deletion(scope.user_id, s) for s in rows - left.keys()]
        write_all(places.client, over)
        self._count({"sessions": len(over)})
        return self._found

    def _messages(self, seen: set[str], rows: set[str]) -> dict[str, Left]:
        """The sessions with messages left; one that lost its row to an earlier look gets it back."""
        places, scope = self.places, self.scope
        every = {s: places.messages.forget(scope, s) for s in seen}
        self._count({"messages": sum(left.deleted for left in every.values()), "unowned": 0})
        if unowned := sum(every[session_id].unowned for session_id in rows):
            places.receipts.note(self.event_id, "unowned", unowned)
        left = {s: found for s, found in every.items() if found.first is not None}
        lost = left.keys() - rows
        again = [places.sessions.row(scope.user_id, s, left[s].newest) for s in lost]
        write_all(places.client, again)
        return left

    def _memories(self, left: Mapping[str, Left], is_first: bool) -> set[str]:
        """The ids of memories that stay. Whatever is deleted may have had a part in what stays: that is
        made due before, so that a crash in between loses nothing."""
        places, scope = self.places, self.scope
        every = places.remembered.of_user(scope.user_id)
        covered = [memory for memory in every if scope.covers(memory)]
        history = places.remembered.history_of(scope, covered)
        plans = [s for s in left if places.traces.has_covered_plan(scope, s)]
        some = bool(is_first or covered or history or plans)
        for session_id in left if some else left.keys() & self.gone:
            places.due.add(scope.user_id, session_id, left[session_id].first or 0)
        if scope.session_id is not None:
            places.remembered.due_again(scope, [*covered, *history])
        self._count(places.remembered.delete(scope, covered, history))
        self._count({"plans": places.traces.drop_plans(scope.user_id, plans)})
        return {m.document_id for m in every} - {m.document_id for m in covered}

    def _count(self, counts: Mapping[str, int]) -> None:
        self._found += sum(counts.values())
        self.places.receipts.add(self.event_id, counts)
