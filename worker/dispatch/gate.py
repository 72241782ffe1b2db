"""What may be enqueued now: which partition has work, which waits after a failure, which queue is paused.

A Celery message only says "look there"; losing one costs a moment, because the sweep finds the work again.
Keys of a partition: `queued-<task>` (a task is on its way), `wait-<task>` (not before, after a failure),
`attempts-<task>`. Keys of all: `paused-<task>` with the reason, which runs out by itself, so that the work is
tried again: after a second, then after twice as long each time.
"""

from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.backoff import full_jitter_s

DRAIN, EXTRACT, REQUESTS, CONFIRM, RECONCILE = (
    "memory.drain",
    "memory.extract",
    "memory.requests",
    "memory.confirm",
    "memory.reconcile",
)
QUEUE_OF = {
    DRAIN: "ingest",
    EXTRACT: "extract",
    REQUESTS: "extract",
    CONFIRM: "extract",
    RECONCILE: "extract",
}

NAMES = ("ingest", "extract")

# A task that was enqueued and not begun by then is taken for lost.
_LOST_AFTER_MS = 5_000
# Short: what fails at the head of a partition holds up what stands behind it.
_LONGEST_WAIT_S = 5.0
_PAUSE_MS = (1_000, 15_000)  # the first, doubled up to the longest
_PAUSES_KEPT_MS = 60_000


class DispatchGate:
    """Marks that keep the same work from being enqueued twice, too early, or in vain."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def reserve(self, task: str, partition: int) -> bool:
        """True if the caller should enqueue the task for the partition now."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.exists(self._key(partition, "wait", task))
            pipe.exists(self._paused(task))
            waits, paused = pipe.execute()
        if waits or paused:
            return False
        mark = self._key(partition, "queued", task)
        return bool(self._redis.set(mark, 1, nx=True, px=_LOST_AFTER_MS))

    def begun(self, task: str, partition: int) -> None:
        self._redis.delete(self._key(partition, "queued", task))

    def succeeded(self, task: str, partition: int) -> None:
        self._redis.delete(self._key(partition, "attempts", task))

    def failed(self, task: str, partition: int) -> float:
        """Wait before the next try: doubled each time, full jitter. Returns the wait in seconds."""
        attempts = self._key(partition, "attempts", task)
        tries = self._redis.incr(attempts)
        self._redis.expire(attempts, 300)
        wait_s = full_jitter_s(tries, first_s=0.4, longest_s=_LONGEST_WAIT_S)
        self._redis.set(self._key(partition, "wait", task), 1, px=round(wait_s * 1000))
        return wait_s

    def pause(self, task: str, reason: str) -> None:
        """Nothing of this kind is enqueued for a while; the reason shows in `status`.

        It ends by itself: when the cause is gone, the next try succeeds and nothing pauses again.
        """
        state = msgspec.json.encode({"queue": QUEUE_OF[task], "task": task, "reason": reason})
        times = f"{self._streams.prefix}:pauses-{task}"
        count = int(self._redis.get(times) or 0)
        first_ms, longest_ms = _PAUSE_MS
        pause_ms = min(longest_ms, first_ms * 2 ** min(count, 10))
        # Many tasks meet the same cause at once: the first of them begins the pause.
        if self._redis.set(self._paused(task), state, nx=True, px=pause_ms):
            self._redis.set(times, count + 1, px=_PAUSES_KEPT_MS)

    def is_paused(self, task: str) -> bool:
        return bool(self._redis.exists(self._paused(task)))

    def paused(self) -> list[dict[str, str]]:
        """The pauses in force: queue, task and reason."""
        raw = [cast(bytes | None, self._redis.get(self._paused(task))) for task in QUEUE_OF]
        return [msgspec.json.decode(state, type=dict[str, str]) for state in raw if state]

    def _key(self, partition: int, what: str, task: str) -> str:
        return self._streams.key(partition, f"{what}-{task}")

    def _paused(self, task: str) -> str:
        return f"{self._streams.prefix}:paused-{task}"
