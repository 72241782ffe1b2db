"""What was written and the search index does not show yet.

It stands in the keys `confirm` and `written` ([user, document]) and in the user's `unindexed` (document), which is
also what deduplication adds to the index; the trace it was written in, if any, in `traced`. Once searchable a
memory leaves all of them and is announced on the stream `searchable`.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.protocol.traces import current_traceparent, is_sampled
from tablestore_memory.worker.sessions.due import members_of
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import TRACED_MS, Keys
from tablestore_memory.worker.state.scripts import script

_FIRST_LOOK_MS = 800
_LOOK_AGAIN_MS = (200, 800)  # while young; then a tenth of the age
AT_ONCE = 100  # ids a search can ask for and show
_ANNOUNCED_KEPT = 10_000  # entries of the announcement stream; a reader that is away longer lists
_PAGE = 1_000  # members a ZSCAN looks at


@script
def announce_searchable(
    redis: Redis,
    *,
    confirm: str,
    written: str,
    unindexed: str,
    traced: str,
    searchable: str,
    name: bytes,
    user: str,
    document: str,
    lag_ms: int,
    kept: int,
) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class MemoryRef:
    user_id: str
    document_id: str

    @property
    def name(self) -> bytes:
        return msgspec.json.encode([self.user_id, self.document_id])


@dataclass(frozen=True, slots=True)
class Announced:
    """How long after it was written a memory was found to be searchable, and in which trace it was written."""

    lag_ms: int
    traceparent: str | None


class UnindexedMemories:
    """The memories that were written and are not confirmed searchable."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def add(self, user_id: str, document_ids: Iterable[str]) -> None:
        """Record before or with the write, so that a crash leaves a look too many, never one too few."""
        confirm, written, unindexed = self._places(user_id)
        traced, traceparent = self._traced(user_id), current_traceparent()
        now = now_ms(self._redis)
        with self._redis.pipeline(transaction=True) as pipe:
            for document_id in document_ids:
                name = MemoryRef(user_id, document_id).name
                pipe.zadd(confirm, {name: now + _FIRST_LOOK_MS})
                pipe.zadd(written, {name: now})
                pipe.zadd(unindexed, {document_id: now})
                if traceparent and is_sampled(traceparent):
                    pipe.hset(traced, name, traceparent)
                    pipe.pexpire(traced, TRACED_MS)
            pipe.execute()

    def of_user(self, user_id: str) -> list[str]:
        """The user's, the newest last."""
        names = cast(list[bytes], self._redis.zrange(self._keys.unindexed(user_id), 0, -1))
        return [name.decode() for name in names]

    def due(self, partition: int) -> list[MemoryRef]:
        """Those to look for now."""
        key = self._keys.confirm(partition)
        found = cast(
            list[bytes],
            self._redis.zrangebyscore(key, "-inf", now_ms(self._redis), start=0, num=AT_ONCE),
        )
        return [_written(name) for name in found]

    def searchable(self, written: MemoryRef) -> Announced | None:
        """Take it off and announce it.

        None if it was taken off meanwhile: what was forgotten is not announced.
        """
        lag_ms = self.age_ms(written)
        confirm, by_time, unindexed = self._places(written.user_id)
        trace = announce_searchable(
            self._redis,
            confirm=confirm,
            written=by_time,
            unindexed=unindexed,
            traced=self._traced(written.user_id),
            searchable=self._keys.searchable(written.user_id),
            name=written.name,
            user=written.user_id,
            document=written.document_id,
            lag_ms=lag_ms,
            kept=_ANNOUNCED_KEPT,
        )
        return None if trace is None else Announced(lag_ms, trace.decode() or None)

    def forget(self, written: Iterable[MemoryRef]) -> None:
        """Take them off: the rows are gone."""
        for each in written:
            with self._redis.pipeline(transaction=True) as pipe:
                self._remove(pipe, each)
                pipe.execute()

    def traces(self, user_id: str) -> set[str]:
        """The user's, wherever one is noted; also where a crash left it in a part of the keys only."""
        confirm, written, unindexed = self._places(user_id)
        found = {name.decode() for name in cast(list[bytes], self._redis.zrange(unindexed, 0, -1))}
        for key in (confirm, written):
            for name, _ in self._redis.zscan_iter(key, match=members_of(user_id), count=_PAGE):
                found.add(_written(name).document_id)
        return found

    def look_again(self, written: MemoryRef) -> None:
        """Later, at a distance that grows with its age."""
        confirm, _, _ = self._places(written.user_id)
        delay_ms = max(random.uniform(*_LOOK_AGAIN_MS), self.age_ms(written) / 10)
        self._redis.zadd(confirm, {written.name: now_ms(self._redis) + delay_ms}, xx=True)

    def age_ms(self, written: MemoryRef) -> int:
        _, key, _ = self._places(written.user_id)
        now = now_ms(self._redis)
        return now - int(self._redis.zscore(key, written.name) or now)

    def oldest_ms(self, partitions: Iterable[int]) -> int:
        """How long the oldest of all has waited; 0 if none waits."""
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.zrange(self._keys.written(partition), 0, 0, withscores=True)
            firsts = [float(pairs[0][1]) for pairs in pipe.execute() if pairs]
        return max(0, now_ms(self._redis) - int(min(firsts))) if firsts else 0

    def count_stale_index_decision(self) -> None:
        """A decision was made without looking at all of a user's: there were too many."""
        self._redis.incr(self._keys.decided_with_stale_index())

    def decided_with_stale_index(self) -> int:
        count = cast(bytes | None, self._redis.get(self._keys.decided_with_stale_index()))
        return int(count or 0)

    def _remove(self, pipe: Pipeline, written: MemoryRef) -> None:
        confirm, by_time, unindexed = self._places(written.user_id)
        pipe.zrem(confirm, written.name)
        pipe.zrem(by_time, written.name)
        pipe.zrem(unindexed, written.document_id)
        pipe.hdel(self._traced(written.user_id), written.name)

    def _places(self, user_id: str) -> tuple[str, str, str]:
        keys, partition = self._keys, self._keys.streams.partition(user_id)
        return keys.confirm(partition), keys.written(partition), keys.unindexed(user_id)

    def _traced(self, user_id: str) -> str:
        return self._keys.traced(self._keys.streams.partition(user_id))


def _written(name: bytes) -> MemoryRef:
    return MemoryRef(*msgspec.json.decode(name, type=tuple[str, str]))
