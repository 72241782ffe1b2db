"""The one way in which new facts change a user's memories: one at a time, decided and applied once.

Under the user's lease: what a dead worker left half done is ended, the facts meet what is known, the
changes are written down, then made. `forget` takes the same lease.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.errors import Busy
from tablestore_memory.worker.extract.apply import Apply, apply
from tablestore_memory.worker.extract.consolidate import consolidate
from tablestore_memory.worker.extract.forgotten import Forgotten
from tablestore_memory.worker.extract.journal import Entry, Journal
from tablestore_memory.worker.extract.neighbours import Neighbours
from tablestore_memory.worker.lease import Lease
from tablestore_memory.worker.qwen import Qwen
from tablestore_memory.worker.stores.memories import Embedded

_WAIT_FOR_USER_S = 5.0


@dataclass(frozen=True)
class Remembering:
    """The collaborators of a change."""

    redis: Redis
    streams: Streams
    qwen: Qwen
    neighbours: Neighbours
    journal: Journal
    forgotten: Forgotten
    application: Apply


def remember(
    step: Remembering,
    user_id: str,
    facts: Sequence[Embedded],
    *,
    plan_id: str,
    patient: bool = True,
) -> int:
    """Consolidate and write facts, once for each `plan_id`. Returns how many rows were written.

    Raises Busy if another worker changes this user's memories, IndexBehind if `patient` and the index
    cannot show enough, and what kept a row from being written: then nothing is decided twice.
    """
    with users_turn(step, user_id) as still_ours:
        if step.journal.was_applied(user_id, plan_id):
            return 0
        wanted = [f for f in facts if not step.forgotten.holds(f.memory)]
        if not wanted:
            return 0
        known = step.neighbours.of(user_id, wanted, patient=patient)
        since = min(fact.memory.stated_at for fact in wanted)
        replaced = step.application.history.of_user(user_id, since=since)
        changes = consolidate(step.qwen, wanted, known, replaced)
        still_ours()
        step.journal.begin(user_id, Entry(plan_id, tuple(changes)))
        apply(step.application, user_id, changes, still_ours)
        step.journal.end(user_id, plan_id)
    return len(changes)


@contextmanager
def users_turn(step: Remembering, user_id: str) -> Iterator[Callable[[], None]]:
    """Hold the user's lease, with what a dead worker began brought to its end.

    Gives a function that raises Busy when the lease was lost meanwhile: to be asked before writing.
    """
    key = step.streams.key(step.streams.partition(user_id), f"lease:{user_id}")
    with Lease(step.redis, key, wait_s=_WAIT_FOR_USER_S) as lease:

        def still_ours() -> None:
            if step.redis.get(key) != lease.token.encode():
                raise Busy(f"{key}: the lease ran out")

        if left := step.journal.unfinished(user_id):
            apply(step.application, user_id, left.changes, still_ours)
            step.journal.end(user_id, left.plan_id)
        yield still_ours
