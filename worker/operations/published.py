"""Whether all that was published before a moment is stored, extracted and searchable. Reads Redis only.

What others publish later is not waited for. Each stage is noted as it stands when the one before it is
done: by then all that came from there is in it. Positions and times are those that Redis holds, so no two
clocks are compared.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.operations.backlog import Backlog, backlog
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS, active_partitions


class Published:
    """What was published until this was made."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams
        self._events = _Entries(redis, streams, Keys(streams).events)
        self._requests: _Entries | None = None
        self._sessions: _Sessions | None = None
        self._memories: _Memories | None = None

    def left(self) -> Backlog:
        """What of it is not done; a stage after the one that is being waited for is counted whole."""
        now = backlog(self._redis, self._streams)
        if events := self._events.left():
            return replace(now, events=events)
        self._requests = self._requests or _Entries(
            self._redis, self._streams, Keys(self._streams).requests
        )
        self._sessions = self._sessions or _Sessions(self._redis, self._streams)
        requests, sessions = self._requests.left(), self._sessions.left()
        if requests or sessions:
            return replace(now, events=0, requests=requests, sessions=sessions)
        self._memories = self._memories or _Memories(self._redis, self._streams)
        unsearchable = self._memories.left()
        return replace(now, events=0, requests=0, sessions=0, unsearchable=unsearchable)


class _Entries:
    """What stood in the streams of one kind."""

    def __init__(self, redis: Redis, streams: Streams, key: Callable[[int], str]) -> None:
        self._redis = redis
        keys = [key(p) for p in active_partitions(redis, streams)]
        with redis.pipeline(transaction=False) as pipe:
            for name in keys:
                pipe.xrevrange(name, count=1)
            found = pipe.execute()
        self._last = {key: each[0][0] for key, each in zip(keys, found, strict=True) if each}
        self._count = sum(self._lengths())

    def left(self) -> int:
        """How many are not done, at most: what came later cannot be counted apart."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key, last in self._last.items():
                pipe.xrange(key, "-", last, count=1)
            found = pipe.execute()
        self._last = {
            key: last for (key, last), each in zip(self._last.items(), found, strict=True) if each
        }
        return max(1, min(self._count, sum(self._lengths()))) if self._last else 0

    def _lengths(self) -> list[int]:
        with self._redis.pipeline(transaction=False) as pipe:
            for key in self._last:
                pipe.xlen(key)
            return cast(list[int], pipe.execute())


class _Sessions:
    """What waited in sessions: done once the first of it is not what waits longest any more."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._due = DueSessions(redis, streams)
        self._first_ms = {p: self._due.waiting(p) for p in range(STATE_PARTITIONS)}

    def left(self) -> int:
        for partition, before in self._first_ms.items():
            now = self._due.first_ms(partition, list(before))
            self._first_ms[partition] = {
                name: first for name, first in before.items() if now.get(name, first + 1) <= first
            }
        return sum(map(len, self._first_ms.values()))


class _Memories:
    """What was written and not searchable; what is written again meanwhile is the later writer's to see."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        keys = [Keys(streams).written(p) for p in range(STATE_PARTITIONS)]
        with redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.zrange(key, -1, -1, withscores=True)
            found: list[Any] = pipe.execute()
        self._last = {key: each[0][1] for key, each in zip(keys, found, strict=True) if each}

    def left(self) -> int:
        with self._redis.pipeline(transaction=False) as pipe:
            for key, score in self._last.items():
                pipe.zcount(key, "-inf", score)
            return sum(cast(list[int], pipe.execute()))
