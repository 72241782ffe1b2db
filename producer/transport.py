"""The only place that talks to Redis: appends records to the streams, and says of each what came
of it. Errors of redis-py become one of two kinds here; nobody else sees them.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import redis

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.connection import REDIS_ERRORS, Client
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.protocol.streams import (
    BACKLOG_KEPT_S,
    DROPPED_KEPT_S,
    EVENT_FIELD,
    WAITED_FIELD,
    Streams,
)

_FOR_GOOD = (
    "WRONGTYPE",  # the key holds no stream
    "The stream has exhausted",  # its last id is the highest there is
    "string exceeds maximum allowed size",
    "Protocol error: invalid bulk length",
)
"""How Redis refuses this very event or all of its partition. Whatever else Redis, or a proxy before it,
may say, somebody will mend it, and the event waits."""

_FORGET = b'{"type":"forget"'
_MILLISECOND_PASSED_S = 0.002
_SHORT_US = 1_000_000
"""Up to a second nobody minds when an event was published; beyond, a `forget` may have come before it."""


@dataclass
class Outcome:
    """What came of a batch: so many appended, these refused for good, these to be sent again."""

    appended: int = 0
    rejected: list[tuple[Record, str]] = field(default_factory=list)
    unsent: list[Record] = field(default_factory=list)
    cause: str = ""
    """Why the first of `unsent` is there."""


class RedisTransport:
    """Used by one thread. Connects when needed."""

    def __init__(
        self,
        connect: Callable[[], Client],
        streams: Streams,
        *,
        now_us: Callable[[], int],
        log: RateLimitedLog,
    ) -> None:
        self._connect = connect
        self._streams = streams
        self._now_us = now_us
        self._log = log
        self._client: Client | None = None
        self._names = [streams.events(p) for p in range(streams.partitions)]

    def append(self, batch: list[Record]) -> Outcome:
        """One round trip; every reply is looked at. Raises nothing that Redis can cause.

        What follows a request to forget has a round trip of its own, in another millisecond: what Redis receives
        in one with the request is forgotten. So has what anybody publishes who heard that it was appended.
        """
        part = _up_to_a_forget(batch)
        outcome = self._append(part)
        if len(part) == len(batch):
            return outcome
        if outcome.unsent:
            return replace(outcome, unsent=outcome.unsent + batch[len(part) :])
        rest = self.append(batch[len(part) :])
        return replace(
            rest,
            appended=outcome.appended + rest.appended,
            rejected=outcome.rejected + rest.rejected,
        )

    def _append(self, batch: list[Record]) -> Outcome:
        try:
            outcome = _outcome(batch, self._execute(batch))
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the batch stays
            self.close()
            return Outcome(unsent=batch, cause=_cause(error))
        if batch and _asks_to_forget(batch[-1]):
            time.sleep(_MILLISECOND_PASSED_S)
        if outcome.unsent:
            self.close()  # after a failover the name leads to another server
        return outcome

    def _execute(self, batch: list[Record]) -> list[Any]:
        client = self._client = self._client or self._opened()
        partitions, now_us = self._streams.partitions, self._now_us()
        with client.pipeline(transaction=False) as pipeline:
            for record in batch:
                name = self._names[record.route % partitions]
                waited = _waited(record, now_us)
                pipeline.execute_command("XADD", name, "*", EVENT_FIELD, record.data, *waited)
            return list(pipeline.execute(raise_on_error=False))

    def _opened(self) -> Client:
        client = self._connect()
        try:
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
        except (redis.exceptions.NoPermissionError, AttributeError):
            return client  # not everybody may ask; a cluster answers per node
        if policy.startswith("allkeys"):
            self._log.warning("redis.may_evict", maxmemory_policy=policy, wanted="noeviction")
        return client

    def report_dropped(self, producer: str, totals: dict[str, int]) -> bool:
        """Tell the operator how many events this process dropped. Totals, so that telling twice
        does no harm; forgotten after a week."""
        client = self._client
        if client is None:
            return False
        try:
            name = self._streams.dropped
            client.hset(name, mapping={f"{producer}:{why}": n for why, n in totals.items()})
            client.expire(name, DROPPED_KEPT_S)
        except (*REDIS_ERRORS, OSError):
            return False
        return True

    def report_backlog(self, producer: str, events: int) -> bool:
        """Tell how many events this process could not deliver yet; nobody hears it while Redis is away."""
        client = self._client
        if client is None:
            return False
        try:
            name = self._streams.backlogs
            if not events:
                client.hdel(name, producer)
                return True
            seconds, micros = client.time()
            client.hset(name, producer, f"{events} {seconds * 1000 + micros // 1000}")
            client.expire(name, BACKLOG_KEPT_S)
        except (*REDIS_ERRORS, OSError):
            return False
        return True

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _up_to_a_forget(batch: list[Record]) -> list[Record]:
    """All of it, or what comes before the first that follows a request to forget and is none."""
    for place, (one, following) in enumerate(pairwise(batch), 1):
        if _asks_to_forget(one) and not _asks_to_forget(following):
            return batch[:place]
    return batch


def _asks_to_forget(record: Record) -> bool:
    return record.data.startswith(_FORGET)


def _waited(record: Record, now_us: int) -> tuple[()] | tuple[str, int]:
    """How long this machine held the event, whichever of its processes did. A clock that is wrong, but
    goes, tells that as well as a right one."""
    waited_us = now_us - record.accepted_us
    return () if waited_us < _SHORT_US else (WAITED_FIELD, waited_us // 1000)


def _outcome(batch: list[Record], replies: list[Any]) -> Outcome:
    outcome = Outcome()
    for record, reply in zip(batch, replies, strict=True):
        if not isinstance(reply, BaseException):
            outcome.appended += 1
        elif str(reply).startswith(_FOR_GOOD):
            outcome.rejected.append((record, _cause(reply)))
        else:
            outcome.unsent.append(record)
            outcome.cause = outcome.cause or _cause(reply)
    return outcome


def _cause(error: BaseException) -> str:
    """What went wrong, up to where an error may begin to quote what it was sent."""
    said = re.split(r"['\"`{]", str(error), maxsplit=1)[0]
    return f"{type(error).__name__}: {said[:160]}".strip()
