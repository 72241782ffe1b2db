"""What was written and is not searchable yet; asked about until the search index shows it.

Keys of a user's partition: `confirm` (sorted set: [user, document] by the time in ms of the next look)
and `unseen:<user>` (hash: document to time written in ms), which is also what deduplication adds to the
index. Once searchable a memory leaves both and is announced on the stream `searchable`.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline

from producer.streams import Streams
from worker.lease import Lease
from worker.stores.memories import Memories

_FIRST_LOOK_MS = 800
_LOOK_AGAIN_MS = (500, 2_000)  # while young; then a tenth of the age
# It is recorded before its row is written; a row that is not there by then never came.
_WRITE_TAKES_MS = 60_000
_AT_ONCE = 100  # ids a search can ask for and show
_ANNOUNCED_KEPT = 10_000  # entries of the announcement stream; a reader that is away longer lists
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Written:
    user_id: str
    document_id: str

    @property
    def name(self) -> bytes:
        return msgspec.json.encode([self.user_id, self.document_id])


class Unseen:
    """The memories that were written and are not confirmed searchable."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def add(self, user_id: str, document_ids: Iterable[str]) -> None:
        """Record before or with the write, so that a crash leaves a look too many, never one too few."""
        confirm, unseen = self._keys(user_id)
        now = self._now_ms()
        with self._redis.pipeline(transaction=True) as pipe:
            for document_id in document_ids:
                pipe.zadd(confirm, {Written(user_id, document_id).name: now + _FIRST_LOOK_MS})
                pipe.hset(unseen, document_id, now)
            pipe.execute()

    def of_user(self, user_id: str) -> list[str]:
        _, unseen = self._keys(user_id)
        names = cast(list[bytes], self._redis.hkeys(unseen))
        return [name.decode() for name in names]

    def due(self, partition: int) -> list[Written]:
        """Those to look for now."""
        key = self._streams.key(partition, "confirm")
        found = cast(
            list[bytes],
            self._redis.zrangebyscore(key, "-inf", self._now_ms(), start=0, num=_AT_ONCE),
        )
        return [Written(*msgspec.json.decode(name, type=tuple[str, str])) for name in found]

    def searchable(self, written: Written) -> int:
        """Take it off and announce it. Returns the lag in ms since it was written."""
        lag_ms = self.age_ms(written)
        stream = self._streams.key(self._streams.partition(written.user_id), "searchable")
        fields: Any = {
            "user_id": written.user_id,
            "document_id": written.document_id,
            "lag_ms": lag_ms,
        }
        with self._redis.pipeline(transaction=True) as pipe:
            self._remove(pipe, written)
            pipe.xadd(stream, fields, maxlen=_ANNOUNCED_KEPT)
            pipe.execute()
        return lag_ms

    def forget(self, written: Iterable[Written]) -> None:
        """Take them off: the rows are gone."""
        with self._redis.pipeline(transaction=True) as pipe:
            for each in written:
                self._remove(pipe, each)
            pipe.execute()

    def look_again(self, written: Written) -> None:
        """Later, at a distance that grows with its age."""
        confirm, _ = self._keys(written.user_id)
        delay_ms = max(random.uniform(*_LOOK_AGAIN_MS), self.age_ms(written) / 10)
        self._redis.zadd(confirm, {written.name: self._now_ms() + delay_ms}, xx=True)

    def age_ms(self, written: Written) -> int:
        _, unseen = self._keys(written.user_id)
        now = self._now_ms()
        return now - int(self._redis.hget(unseen, written.document_id) or now)

    def _remove(self, pipe: Pipeline, written: Written) -> None:
        confirm, unseen = self._keys(written.user_id)
        pipe.zrem(confirm, written.name)
        pipe.hdel(unseen, written.document_id)

    def _keys(self, user_id: str) -> tuple[str, str]:
        partition = self._streams.partition(user_id)
        return (
            self._streams.key(partition, "confirm"),
            self._streams.key(partition, f"unseen:{user_id}"),
        )

    def _now_ms(self) -> int:
        seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000


@dataclass(frozen=True)
class Confirm:
    """The collaborators of a look."""

    redis: Redis
    streams: Streams
    memories: Memories
    unseen: Unseen


def confirm(step: Confirm, partition: int) -> int:
    """Look for what is due in a partition. Returns how many are still not searchable.

    Raises Busy if another worker looks already.
    """
    with Lease(step.redis, step.streams.key(partition, "confirm-lease")):
        due = step.unseen.due(partition)
        if not due:
            return 0
        shown = step.memories.searchable([written.document_id for written in due])
        missing = [written for written in due if written.document_id not in shown]
        _announce([w for w in due if w.document_id in shown], step.unseen)
        return _put_off(missing, step)


def _announce(found: Sequence[Written], unseen: Unseen) -> None:
    for written in found:
        lag_ms = unseen.searchable(written)
        log.info("memory.searchable", document_id=written.document_id, lag_ms=lag_ms)


def _put_off(missing: Sequence[Written], step: Confirm) -> int:
    """What has no row, and had time to get one, is taken off; the rest is looked for again."""
    rows = step.memories.get([written.document_id for written in missing])
    existing = {stored.memory.document_id for stored in rows}
    for written in missing:
        if written.document_id in existing or step.unseen.age_ms(written) < _WRITE_TAKES_MS:
            step.unseen.look_again(written)
        else:
            step.unseen.forget([written])
    return len(missing)
