"""Who starts the work: a thread beside each Celery worker looks at the streams and enqueues tasks.

One of them leads, by a mark in Redis that it renews; when it ends, another takes over within three
seconds. It blocks on the streams, so a new event starts a drain at once; once a second it sweeps for what
was missed: entries without a drain, sessions that fell due, requests, memories to confirm. There is no
beat and no extra process, and the load on Redis does not grow with the number of workers.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.dispatch.arrivals import Arrivals
from tablestore_memory.worker.dispatch.gate import DispatchGate
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import LEADER_MS, Keys
from tablestore_memory.worker.state.lease import release
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS, active_partitions
from tablestore_memory.worker.state.scripts import script

_SWEEP_S = 1.0
_FIND_PARTITIONS_S = 5.0
# Tasks for sessions that are due and not begun.
_MOST_QUEUED = 500

Send = Callable[[str, list[Any]], None]
Queued = Callable[[str], int]
Clock = Callable[[], float]
Key = Callable[[int], str]


@script
def take_leadership(redis: Redis, *, leader: str, token: str, ttl_ms: int) -> int: ...


class Dispatcher:
    """Finds work and enqueues it through `send(task, args)`; `queued(queue)` tells what waits there.

    `configured` is how many partitions publishers are thought to use; others are found as they come up.
    """

    def __init__(
        self,
        redis: Redis,
        streams: Streams,
        send: Send,
        *,
        queued: Queued,
        configured: int,
        blocking: bool = True,
        reconcile_s: float = 60,
        clock: Clock = time.monotonic,
    ) -> None:
        self._redis = redis
        self._keys = Keys(streams)
        self._gate = DispatchGate(redis, streams)
        self._due = DueSessions(redis, streams)
        self._send = send
        self._queued = queued
        self._configured = configured
        self._arrivals = Arrivals(redis, streams, blocking=blocking)
        self._clock = clock
        self._partitions = range(max(configured, STATE_PARTITIONS))
        self._find_at = self._sweep_at = 0.0
        self._reconcile_s = reconcile_s
        self._reconcile_at = clock() + reconcile_s
        self._token = uuid.uuid4().hex

    def lead(self) -> bool:
        """Whether this dispatcher is the one that looks."""
        return bool(
            take_leadership(
                self._redis,
                leader=self._keys.dispatch_leader(),
                token=self._token,
                ttl_ms=LEADER_MS,
            )
        )

    def resign(self) -> None:
        """Let another take over at once."""
        release(self._redis, lease=self._keys.dispatch_leader(), token=self._token)

    def sweep(self) -> None:
        """All that may wait, wherever it is."""
        keys = self._keys
        self._arrivals.begin()
        self._find_partitions()
        self._sweep_at = self._clock() + _SWEEP_S
        self._start(gate.DRAIN, keys.events, "xlen", self._partitions, lease=keys.lease)
        self._start(
            gate.REQUESTS, keys.requests, "xlen", self._partitions, lease=keys.requests_lease
        )
        state = range(STATE_PARTITIONS)
        due = ("-inf", now_ms(self._redis))
        self._start(
            gate.CONFIRM, keys.confirm, "zcount", state, bounds=due, lease=keys.confirm_lease
        )
        # These need no lease: a row is the same whoever writes it, and each user has one. Who was gone for a
        # month waits for the sessions that are due.
        idle = not self._queued(gate.QUEUE_OF[gate.DECIDE])
        decide = [(gate.DECIDE, keys.to_decide)] if idle else []
        for task, key in ((gate.BOOK, keys.unbooked), *decide):
            waits = partial(keys.wait, task=task)
            self._start(task, key, "zcount", state, bounds=due, lease=waits)
        if not self._gate.is_paused(gate.EXTRACT):
            self._start_extractions()
        if self._clock() >= self._reconcile_at:
            self._reconcile_at = self._clock() + self._reconcile_s
            self._send(gate.RECONCILE, [])

    def _start_extractions(self) -> None:
        """A task for each session that is due, less those on their way: each takes one when it begins.

        What is due and slow must not fill the broker, so only as many as the queue has room for.
        """
        due = self._due.counts(range(STATE_PARTITIONS))
        room = min(sum(due), _MOST_QUEUED) - self._queued(gate.QUEUE_OF[gate.EXTRACT])
        wanted = [partition for partition, count in enumerate(due) for _ in range(count)]
        for partition in random.sample(wanted, max(0, min(room, len(wanted)))):
            self._send(gate.EXTRACT, [partition])

    def wait_for_events(self) -> list[int]:
        """The partitions where events arrived; none when it is time for the next sweep."""
        return self._arrivals.wait(self._partitions, self._sweep_at - self._clock())

    def start_drains(self, partitions: Iterable[int]) -> int:
        """A drain for each of the partitions with entries that nobody drains; returns how many."""
        self._arrivals.seen(list(partitions))
        keys = self._keys
        return self._start(gate.DRAIN, keys.events, "xlen", list(partitions), lease=keys.lease)

    def _start(
        self,
        task: str,
        key: Key,
        count: str,
        partitions: range | list[int],
        *,
        lease: Key,
        bounds: tuple[Any, ...] = (),
    ) -> int:
        with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                getattr(pipe, count)(key(partition), *bounds)
                pipe.exists(lease(partition))
            answers = pipe.execute()
        started = 0
        for place, partition in enumerate(partitions):
            waiting, held = answers[2 * place : 2 * place + 2]
            if waiting and not held and self._gate.reserve(task, partition):
                self._send(task, [partition])
                started += 1
        return started

    def _find_partitions(self) -> None:
        if self._clock() < self._find_at:
            return
        found = active_partitions(self._redis, self._keys.streams)
        self._partitions = range(max(self._configured, len(found)))
        self._find_at = self._clock() + _FIND_PARTITIONS_S
