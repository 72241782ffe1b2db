"""What is being done in sessions: what waits for extraction, since when, what was tried, what was given up.

Reads Redis alone, one round trip for all that is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tablestore_memory.worker.services import RedisServices
from tablestore_memory.worker.sessions.due import Waiting, member
from tablestore_memory.worker.state.attempts import Attempts
from tablestore_memory.worker.state.clock import now_ms


@dataclass(frozen=True, slots=True)
class SessionWork:
    """Of one session at `at_ms`, Redis' time. `waiting` messages wait, the first since `since_ms`, and those from
    `from_us` (created_at) on are taken. It is due at `due_ms` (None: it waits for nothing), or a worker has it.
    `failure` is how the last of `tries` ended."""

    at_ms: int
    waiting: int = 0
    since_ms: int | None = None
    from_us: int | None = None
    due_ms: int | None = None
    under_way: bool = False
    tries: int = 0
    failure: str = ""
    given_up: str = ""

    def takes(self, created_at: int) -> bool:
        """Whether a message of then is among those that wait: it may have come late."""
        return self.from_us is not None and self.from_us <= created_at

    @property
    def in_words(self) -> str:
        """One word or two, as a list has room for."""
        if self.given_up:
            return "given up"
        if self.under_way:
            return "being extracted"
        if self.failure:
            return "to be tried again"
        if self.due_ms is None:
            return "nothing waits"
        return "due" if self.due_ms <= self.at_ms else "waiting"


def work_in(s: RedisServices, user_id: str, session_ids: Sequence[str]) -> dict[str, SessionWork]:
    """Of each of the sessions."""
    with s.redis.pipeline(transaction=False) as pipe:
        for session_id in session_ids:
            partition, name = s.streams.partition(session_id), member(user_id, session_id)
            pipe.zscore(s.keys.due(partition), name)
            for key in (s.keys.pending, s.keys.active, s.keys.failed, s.keys.given_up):
                pipe.hget(key(partition), name)
            pipe.exists(s.keys.session_lease(user_id, session_id))
        found, at_ms = pipe.execute(), now_ms(s.redis)
    each = [found[place : place + 6] for place in range(0, len(found), 6)]
    return {
        session_id: _work(at_ms, *told) for session_id, told in zip(session_ids, each, strict=True)
    }


def _work(
    at_ms: int,
    due: float | None,
    pending: bytes | None,
    active: bytes | None,
    failed: bytes | None,
    given_up: bytes | None,
    leased: int,
) -> SessionWork:
    waits: list[Any] = [
        msgspec.msgpack.decode(raw, type=Waiting, strict=False) for raw in (pending, active) if raw
    ]
    attempts = msgspec.msgpack.decode(failed, type=Attempts) if failed else Attempts(0)
    failure = attempts.failure
    return SessionWork(
        at_ms,
        waiting=sum(each.count for each in waits),
        since_ms=min((round(each.first_ms) for each in waits), default=None),
        from_us=min((each.from_us for each in waits), default=None),
        due_ms=None if due is None else round(due),
        under_way=bool(leased),
        tries=attempts.tries,
        failure=f"{failure.error}: {failure.reason}" if failure else "",
        given_up=given_up.decode(errors="replace") if given_up else "",
    )
