"""What Redis holds of a user beside the streams: sessions that wait, plans, marks, announcements.

Found wherever it may stand: in all partitions of our own state, also of sessions that have no row.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.journal import Journal
from tablestore_memory.worker.extract.plans import Plans
from tablestore_memory.worker.forget.scope import Scope
from tablestore_memory.worker.indexing.announcements import announced, withdraw
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.sessions.due import member, members_of, session_of
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS

_PAGE = 1_000  # names a SCAN looks at


@dataclass(frozen=True)
class Traces:
    """The keys of all partitions of our own state."""

    redis: Redis
    streams: Streams
    plans: Plans
    journal: Journal
    unindexed: UnindexedMemories

    def session_ids(self, scope: Scope) -> set[str]:
        """The sessions of which there is any."""
        if scope.session_id is not None:
            return {scope.session_id}
        return {session_of(name)[1] for name in self._names(members_of(scope.user_id))}

    def forget_sessions(self, user_id: str, session_ids: Collection[str]) -> dict[str, int]:
        """Everything of sessions that are gone."""
        plans = waiting = 0
        for session_id in session_ids:
            name, partition = member(user_id, session_id), self.streams.partition(session_id)
            with self.redis.pipeline(transaction=False) as pipe:
                for key in self._hashes(partition):
                    pipe.hdel(key, cast(Any, name))
                pipe.zrem(self._keys.due(partition), name)
                *hashes, plan, due = (int(answer) for answer in pipe.execute())
            plans += plan
            waiting += sum(hashes) + due
        return {"plans": plans, "waiting": waiting}

    def has_covered_plan(self, scope: Scope, session_id: str) -> bool:
        """Whether a plan was found in something covered."""
        try:
            plans = self.plans.load(scope.user_id, session_id)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return True  # of another release: it is found again
        receipts = [plan.found.received_ms for plan in plans]
        return any(ms is not None and ms <= scope.upto_ms for ms in receipts)

    def drop_plans(self, user_id: str, session_ids: Collection[str]) -> int:
        for session_id in session_ids:
            self.plans.drop(user_id, session_id)
        return len(session_ids)

    def forget_marks(self, scope: Scope, existing: Collection[str]) -> dict[str, int]:
        """What names memories other than the `existing` ones, or tells what was done already."""
        user_id = scope.user_id
        gone = self.unindexed.traces(user_id) - set(existing)
        self.unindexed.forget(MemoryRef(user_id, document_id) for document_id in gone)
        entries = announced(self.redis, self.streams, user_id)
        told = [entry for entry, document in entries if document not in existing]
        withdraw(self.redis, self.streams, user_id, told)
        applied = self.journal.forget_applied(user_id, existing)
        marks = len(gone) + applied + self._forget_cursor(scope)
        return {"marks": marks, "announcements": len(told)}

    def _forget_cursor(self, scope: Scope) -> int:
        """The sweep of sessions notes the one it goes on with: it begins anew."""
        key = self._keys.reconcile()
        raw = cast(bytes | None, self.redis.get(key))
        if not raw:
            return 0
        user_id, session_id = session_of(raw)
        if user_id != scope.user_id or not scope.in_session(session_id):
            return 0
        return int(self.redis.delete(key))

    def _names(self, pattern: bytes) -> set[bytes]:
        names: set[bytes] = set()
        for partition in range(STATE_PARTITIONS):
            for key in self._hashes(partition):
                found = self.redis.hscan_iter(key, pattern, _PAGE)
                names |= {name for name, _ in found}
            due = self.redis.zscan_iter(self._keys.due(partition), pattern, _PAGE)
            names |= {name for name, _ in due}
        return names

    def _hashes(self, partition: int) -> tuple[str, ...]:
        """Those by session; the plans last, as they are counted apart."""
        keys = self._keys
        by_session = (keys.pending, keys.active, keys.failed, keys.given_up, keys.plans)
        return tuple(key(partition) for key in by_session)

    @property
    def _keys(self) -> Keys:
        return Keys(self.streams)
