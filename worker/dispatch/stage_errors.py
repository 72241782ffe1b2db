"""The last error of each stage that fails, and since when nothing of it has succeeded.

In a hash: `since-<task>` in ms, `last-<task>` as JSON. Only what the worker expects is told in words: any other
error may quote what a user said.
"""

from typing import Any, cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.dispatch.gate import QUEUE_OF
from tablestore_memory.worker.failures.errors import Busy, Final, WorkerError
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import FAILING_MS, Keys

_LONGEST = 300  # characters of a reason


class Failing(msgspec.Struct, frozen=True):
    """A task that fails; times in ms of Redis' clock."""

    task: str
    error: str
    reason: str
    since_ms: int
    last_ms: int


class _Last(msgspec.Struct):
    error: str
    reason: str
    at_ms: int


class StageErrors:
    """By Celery task; a stage works again with its first success."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._key = Keys(streams).failing()

    def note(self, task: str, error: Exception) -> None:
        """It failed. That another worker has it is no failure."""
        if isinstance(error, Busy):
            return
        now = now_ms(self._redis)
        last = _Last(type(error).__name__, _reason(error), now)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hsetnx(self._key, f"since-{task}", str(now))
            pipe.hset(self._key, f"last-{task}", cast(Any, msgspec.json.encode(last)))
            pipe.pexpire(self._key, FAILING_MS)
            pipe.execute()

    def clear(self, task: str) -> None:
        """It succeeded."""
        self._redis.hdel(self._key, f"since-{task}", f"last-{task}")

    def all(self) -> list[Failing]:
        """The stages that fail, in the order of the work."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._key))
        failing = []
        for task in QUEUE_OF:
            since, raw = (found.get(f"{what}-{task}".encode()) for what in ("since", "last"))
            if since and raw:
                last = msgspec.json.decode(raw, type=_Last)
                failing.append(Failing(task, last.error, last.reason, int(since), last.at_ms))
        return failing


def _reason(error: Exception) -> str:
    """On one line. What is wrong with one item only may name its fields, so it is not told here."""
    if isinstance(error, WorkerError) and not isinstance(error, Final):
        return " ".join(str(error).split())[:_LONGEST]
    return ""
