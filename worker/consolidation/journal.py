"""What is about to change for a user, written down before it is begun.

A worker that dies while it applies leaves its entry; whoever holds the user's lease next ends that first,
so nobody decides on a half-made state. What was applied is known for a day, and not decided again; what is
to be decided with the user's next facts is noted in the same step. Only who holds the user's lease writes here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.state.keys import APPLIED_MS, UNDECIDED_MS, Keys
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.scripts import script


@script
def begin_changes(
    redis: Redis, *, lease: str, journal: str, token: str, user: str, entry: bytes
) -> int: ...


@script
def end_changes(
    redis: Redis,
    *,
    lease: str,
    journal: str,
    applied: str,
    undecided: str,
    to_decide: str,
    tries: str,
    token: str,
    user: str,
    plan: str,
    kept_ms: int,
    says_undecided: int,
    left: str,
    undecided_ms: int,
) -> int: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """The changes of one plan; `undecided` are the memories left to be decided on, if it says anything of them."""

    plan_id: str
    changes: tuple[Change, ...]
    undecided: tuple[str, ...] | None = None


class Journal:
    """At most one entry a user."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def begin(self, user_id: str, entry: Entry, lease: Lease) -> None:
        """Raises Busy if the lease was lost."""
        begun = begin_changes(
            self._redis,
            lease=lease.key,
            journal=self._keys.journal(user_id),
            token=lease.token,
            user=user_id,
            entry=msgspec.msgpack.encode(entry),
        )
        _ensure(begun, lease)

    def unfinished(self, user_id: str) -> Entry | None:
        raw = cast(bytes | None, self._redis.hget(self._keys.journal(user_id), user_id))
        return msgspec.msgpack.decode(raw, type=Entry) if raw else None

    def end(
        self,
        user_id: str,
        plan_id: str,
        lease: Lease,
        undecided: Sequence[str] | None = None,
    ) -> None:
        """What is `undecided` takes the place of what was, unless that is None.

        Raises Busy if the lease was lost.
        """
        ended = end_changes(
            self._redis,
            lease=lease.key,
            journal=self._keys.journal(user_id),
            applied=self._keys.applied(user_id),
            undecided=self._keys.undecided(user_id),
            to_decide=self._to_decide(user_id),
            tries=self._tries(user_id),
            token=lease.token,
            user=user_id,
            plan=plan_id,
            kept_ms=APPLIED_MS,
            says_undecided=int(undecided is not None),
            left=" ".join(undecided or ()),
            undecided_ms=UNDECIDED_MS,
        )
        _ensure(ended, lease)

    def was_applied(self, user_id: str, plan_id: str) -> bool:
        return self.applied_ms(user_id, plan_id) is not None

    def applied_ms(self, user_id: str, plan_id: str) -> int | None:
        """When it was, by Redis' clock; None if it was not, or longer ago than is known."""
        applied = self._redis.zscore(self._keys.applied(user_id), plan_id)
        return None if applied is None else round(applied)

    def undecided(self, user_id: str) -> list[str]:
        """The ids of the memories left to be decided on."""
        raw = cast(bytes | None, self._redis.get(self._keys.undecided(user_id)))
        return raw.decode().split() if raw else []

    def leave_undecided(self, user_id: str, ids: Sequence[str]) -> None:
        """Of what is undecided no more than these, not tried yet; under the user's lease."""
        key = self._keys.undecided(user_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._tries(user_id), user_id)
            if ids:
                pipe.set(key, " ".join(ids))
            else:
                pipe.delete(key)
                pipe.zrem(self._to_decide(user_id), user_id)
            pipe.execute()

    def forget_applied(self, user_id: str, existing: Collection[str]) -> int:
        """Drop what is known to be applied of a user, and of what is undecided all that does not exist.

        Returns how many marks that were.
        """
        undecided = self.undecided(user_id)
        left = [each for each in undecided if each in existing]
        self.leave_undecided(user_id, left)
        applied = int(self._redis.delete(self._keys.applied(user_id)))
        return applied + len(undecided) - len(left)

    def _to_decide(self, user_id: str) -> str:
        return self._keys.to_decide(self._keys.streams.partition(user_id))

    def _tries(self, user_id: str) -> str:
        return self._keys.to_decide_tries(self._keys.streams.partition(user_id))


def _ensure(answer: int, lease: Lease) -> None:
    if answer < 0:
        raise Busy(lease.key)
