"""The only place that talks to Redis: appends records to the streams, and says of each what came
of it. Errors of redis-py become one of two kinds here, by class; nobody else sees them.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.connection import Client
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.protocol.streams import EVENT_FIELD, Streams

_TRANSIENT = (
    redis.ConnectionError,  # also LOADING, NOAUTH, WRONGPASS, and too many clients
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.NoPermissionError,  # somebody will grant it; no entry is at fault
    redis.exceptions.ClusterError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.RedisClusterException,
    redis.exceptions.MovedError,
    redis.exceptions.AskError,
    redis.exceptions.TryAgainError,
    OSError,
)
_TRANSIENT_CODES = ("MISCONF", "NOREPLICAS", "NOAUTH", "LOADING", "BUSY", "OOM", "UNBLOCKED")
"""Those that redis-py gives no class of its own."""


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
        self, connect: Callable[[], Client], streams: Streams, *, log: RateLimitedLog
    ) -> None:
        self._connect = connect
        self._streams = streams
        self._log = log
        self._client: Client | None = None
        self._names = [streams.events(p) for p in range(streams.partitions)]

    def append(self, batch: list[Record]) -> Outcome:
        """One round trip; every reply is looked at. Raises nothing that Redis can cause."""
        try:
            replies = self._execute(batch)
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the batch stays
            self.close()
            return Outcome(unsent=batch, cause=_cause(error))
        outcome = _outcome(batch, replies)
        if outcome.unsent:
            self.close()  # after a failover the name leads to another server
        return outcome

    def _execute(self, batch: list[Record]) -> list[Any]:
        client = self._client = self._client or self._opened()
        partitions = self._streams.partitions
        with client.pipeline(transaction=False) as pipeline:
            for record in batch:
                name = self._names[record.route % partitions]
                pipeline.execute_command("XADD", name, "*", EVENT_FIELD, record.data)
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
            client.expire(name, 7 * 24 * 3600)
        except (redis.RedisError, OSError):
            return False
        return True

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _outcome(batch: list[Record], replies: list[Any]) -> Outcome:
    outcome = Outcome()
    for record, reply in itertools.zip_longest(batch, replies):
        if not isinstance(reply, BaseException):
            outcome.appended += 1
        elif _is_transient(reply):
            outcome.unsent.append(record)
            outcome.cause = outcome.cause or _cause(reply)
        else:
            outcome.rejected.append((record, _cause(reply)))
    return outcome


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, _TRANSIENT) or str(error).startswith(_TRANSIENT_CODES)


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
