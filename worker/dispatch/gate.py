"""What may be enqueued now: which partition has work, which waits after a failure, which queue is paused.

A Celery message only says "look there"; losing one costs a moment, because the sweep finds the work again.
A pause runs out by itself, so that the work is tried again: after a second, then after twice as long each time.
"""

from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.backoff import full_jitter_s
from tablestore_memory.worker.state.keys import (
    ATTEMPTS_MS,
    LONGEST_PAUSE_MS,
    LONGEST_WAIT_MS,
    PAUSES_MS,
    QUEUED_MS,
    Keys,
)

DRAIN, EXTRACT, REQUESTS, CONFIRM, RECONCILE, BOOK, DECIDE = (
    "memory.drain",
    "memory.extract",
    "memory.requests",
    "memory.confirm",
    "memory.reconcile",
    "memory.book",
    "memory.decide",
)
QUEUE_OF = {
    DRAIN: "ingest",
    EXTRACT: "extract",
    REQUESTS: "extract",
    CONFIRM: "extract",
    RECONCILE: "extract",
    BOOK: "extract",
    DECIDE: "extract",
}

NAMES = ("ingest", "extract")

_FIRST_PAUSE_MS = 1_000


class DispatchGate:
    """Marks that keep the same work from being enqueued twice, too early, or in vain."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def reserve(self, task: str, partition: int) -> bool:
        """True if the caller should enqueue the task for the partition now."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.exists(self._keys.wait(partition, task))
            pipe.exists(self._keys.paused(task))
            waits, paused = pipe.execute()
        if waits or paused:
            return False
        mark = self._keys.queued(partition, task)
        return bool(self._redis.set(mark, 1, nx=True, px=QUEUED_MS))

    def begun(self, task: str, partition: int) -> None:
        self._redis.delete(self._keys.queued(partition, task))

    def succeeded(self, task: str, partition: int) -> None:
        self._redis.delete(self._keys.attempts(partition, task))

    def failed(self, task: str, partition: int) -> float:
        """Wait before the next try: doubled each time, full jitter. Returns the wait in seconds."""
        attempts = self._keys.attempts(partition, task)
        tries = self._redis.incr(attempts)
        self._redis.pexpire(attempts, ATTEMPTS_MS)
        wait_s = full_jitter_s(tries, first_s=0.4, longest_s=LONGEST_WAIT_MS / 1000)
        self._redis.set(self._keys.wait(partition, task), 1, px=round(wait_s * 1000))
        return wait_s

    def pause(self, task: str, reason: str) -> None:
        """Nothing of this kind is enqueued for a while; the reason shows in `status`.

        It ends by itself: when the cause is gone, the next try succeeds and nothing pauses again.
        """
        state = msgspec.json.encode({"queue": QUEUE_OF[task], "task": task, "reason": reason})
        times = self._keys.pauses(task)
        count = int(self._redis.get(times) or 0)
        pause_ms = min(LONGEST_PAUSE_MS, _FIRST_PAUSE_MS * 2 ** min(count, 10))
        # Many tasks meet the same cause at once: the first of them begins the pause.
        if self._redis.set(self._keys.paused(task), state, nx=True, px=pause_ms):
            self._redis.set(times, count + 1, px=PAUSES_MS)

    def is_paused(self, task: str) -> bool:
        return bool(self._redis.exists(self._keys.paused(task)))

    def paused(self) -> list[dict[str, str]]:
        """The pauses in force: queue, task and reason."""
        raw = [cast(bytes | None, self._redis.get(self._keys.paused(task))) for task in QUEUE_OF]
        return [msgspec.json.decode(state, type=dict[str, str]) for state in raw if state]
