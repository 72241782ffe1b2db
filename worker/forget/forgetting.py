"""Forget a session, or all there is of a user, and prove it: read everything back until nothing is found.

Under the user's lease, after the tombstone was noted. Only a complete look that finds nothing, over an index
that shows all there was at the time of the request, ends it. Qwen is not needed.
"""

from tablestore_memory.worker.failures.errors import Busy, IndexBehind
from tablestore_memory.worker.forget.costs import forget_costs
from tablestore_memory.worker.forget.look import Forgetting, Look
from tablestore_memory.worker.forget.receipts import Receipt
from tablestore_memory.worker.forget.scope import Scope

_LOOKS = 4  # one that deletes, one that finds nothing, and two for what came in between


def forget(step: Forgetting, scope: Scope, event_id: str) -> Receipt:
    """Delete what is covered. The receipt counts it by place, over all attempts.

    Raises Busy while a drain may hold some of it, and IndexBehind until the index shows what there was:
    everything else is deleted by then, and it is to be tried again.
    """
    if scope.session_id is None:
        forget_costs(step.client, step.ledger, step.costs, scope.user_id)
    look = Look(step, scope, event_id)
    for _ in range(_LOOKS):
        is_listed = step.index.shows_all_before(scope.upto_ms)
        found = look.delete()
        if look.held:
            raise Busy("a drain may hold events that are to be forgotten")
        if not found and not is_listed:
            raise IndexBehind("the index does not show yet what there was when it was asked")
        if not found:
            return step.receipts.finish(event_id)
    raise Busy("what is to be forgotten keeps coming")
