"""When a session is extracted: it waits in Redis, falls due, is begun and settled.

The key `due` keeps a session until it is settled or given up, so an extraction that was lost is found again by
the sweep. What was given up stays in `active`: the next message of the session, or a person, makes it due again
with all that waits.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.scripts import script

# A session that was taken and never settled is due again after this time: late enough that few are still being
# extracted, soon enough that those a dying worker had in its hands are not held up for long, twice if need be.
_HOLD_MS = 15_000

FROM_WATERMARK = 2**52
"""In place of a created_at: later than any, so that the watermark alone tells where to begin."""


@script
def claim_due(redis: Redis, *, due: str, hold_ms: int, limit: int) -> list[bytes]: ...


@script
def begin_extraction(
    redis: Redis, *, pending: str, active: str, session: bytes
) -> bytes | None: ...


@script
def extracted_up_to(redis: Redis, *, active: str, session: bytes, through: int) -> None: ...


@script
def settle_session(
    redis: Redis, *, pending: str, active: str, due: str, given_up: str, session: bytes
) -> None: ...


@script
def give_up_session(
    redis: Redis, *, due: str, given_up: str, session: bytes, reason: str
) -> int: ...


@script
def make_due(
    redis: Redis, *, pending: str, active: str, due: str, session: bytes, from_us: int, force: int
) -> int: ...


@script
def postpone_session(redis: Redis, *, due: str, session: bytes, delay_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class DuePolicy:
    """A session is due when idle for `idle_ms`, or at N messages, K tokens, or the longest wait."""

    idle_ms: int
    max_messages: int
    max_tokens: int
    max_wait_ms: int


class Waiting(msgspec.Struct):
    """What waits in a session; `from_us` is the earliest created_at not extracted yet. `traces` are those in
    which some of it was published, the first few (docs/traces.md)."""

    count: int
    tokens: float
    first_ms: float
    from_us: int
    ended: bool
    traces: list[str] = []


def member(user_id: str, session_id: str) -> bytes:
    """A session's name in the hashes and the sorted set."""
    return msgspec.json.encode([user_id, session_id])


def members_of(user_id: str) -> bytes:
    """A pattern for SCAN: the names of what is this user's, whatever the session or document."""
    begin = msgspec.json.encode([user_id])[:-1] + b","
    return re.sub(rb"([\\*?\[\]])", rb"\\\1", begin) + b"*"


def session_of(name: bytes) -> tuple[str, str]:
    return msgspec.json.decode(name, type=tuple[str, str])


class DueSessions:
    """The waiting sessions of all partitions."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def claim(self, partition: int, limit: int = 50) -> list[tuple[str, str]]:
        """Sessions due now; each will not be due again for a while."""
        due = self._keys.due(partition)
        claimed = claim_due(self._redis, due=due, hold_ms=_HOLD_MS, limit=limit)
        return [session_of(name) for name in claimed]

    def counts(self, partitions: Iterable[int]) -> list[int]:
        """How many sessions are due now, by partition."""
        now = now_ms(self._redis)
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.zcount(self._keys.due(partition), "-inf", now)
            return [int(count) for count in pipe.execute()]

    def begin(self, user_id: str, session_id: str) -> Waiting | None:
        """Take what waits in a session; None if nothing does. Until settled it can be taken again."""
        partition = self._partition(session_id)
        raw = begin_extraction(
            self._redis,
            pending=self._keys.pending(partition),
            active=self._keys.active(partition),
            session=member(user_id, session_id),
        )
        return msgspec.msgpack.decode(raw, type=Waiting, strict=False) if raw else None

    def done_up_to(self, user_id: str, session_id: str, through: int) -> None:
        """What was taken is extracted up to `through` (created_at, µs): a later try begins after it."""
        extracted_up_to(
            self._redis,
            active=self._keys.active(self._partition(session_id)),
            session=member(user_id, session_id),
            through=through,
        )

    def settle(self, user_id: str, session_id: str) -> None:
        """What was taken is extracted; the session leaves unless something came meanwhile."""
        partition = self._partition(session_id)
        settle_session(
            self._redis,
            pending=self._keys.pending(partition),
            active=self._keys.active(partition),
            due=self._keys.due(partition),
            given_up=self._keys.given_up(partition),
            session=member(user_id, session_id),
        )

    def add(self, user_id: str, session_id: str, from_us: int, *, force: bool = True) -> bool:
        """Make a session due now, for its messages from `from_us` (created_at) on.

        With `force` false only if nothing waits in it; False if that was so.
        """
        partition = self._partition(session_id)
        made = make_due(
            self._redis,
            pending=self._keys.pending(partition),
            active=self._keys.active(partition),
            due=self._keys.due(partition),
            session=member(user_id, session_id),
            from_us=from_us,
            force=int(force),
        )
        return bool(made)

    def waiting(self, partition: int, at_most: int | None = None) -> dict[bytes, float]:
        """The sessions that wait in a partition, the first due first: see `first_ms`."""
        key, last = self._keys.due(partition), -1 if at_most is None else at_most - 1
        return self.first_ms(partition, cast(list[bytes], self._redis.zrange(key, 0, last)))

    def first_ms(self, partition: int, names: Sequence[bytes]) -> dict[bytes, float]:
        """When the first of what waits in each of these sessions came; those that do not wait are left out.

        It stays the same until all of that is extracted, whatever comes meanwhile.
        """
        if not names:
            return {}
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zmscore(self._keys.due(partition), cast(Any, list(names)))
            for key in (self._keys.pending(partition), self._keys.active(partition)):
                pipe.hmget(key, cast(Any, list(names)))
            scores, *waits = pipe.execute()
        found = {}
        for name, score, *raws in zip(names, scores, *waits, strict=True):
            firsts = [
                msgspec.msgpack.decode(raw, type=Waiting, strict=False).first_ms
                for raw in raws
                if raw
            ]
            if score is not None and firsts:
                found[name] = min(firsts)
        return found

    def waits(self, user_id: str, session_id: str) -> bool:
        """False once it is settled, given up or forgotten."""
        due = self._keys.due(self._partition(session_id))
        return self._redis.zscore(due, member(user_id, session_id)) is not None

    def give_up(self, user_id: str, session_id: str, reason: str) -> None:
        """Not due any more; what waits stays, and why is kept until it is settled after all."""
        partition = self._partition(session_id)
        give_up_session(
            self._redis,
            due=self._keys.due(partition),
            given_up=self._keys.given_up(partition),
            session=member(user_id, session_id),
            reason=reason,
        )

    def postpone(self, user_id: str, session_id: str, delay_s: float) -> None:
        """Fall due again after `delay_s`."""
        postpone_session(
            self._redis,
            due=self._keys.due(self._partition(session_id)),
            session=member(user_id, session_id),
            delay_ms=round(delay_s * 1000),
        )

    def _partition(self, session_id: str) -> int:
        return self._keys.streams.partition(session_id)
