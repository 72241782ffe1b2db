"""What could never be done: kept in a stream per partition with its reason, for a person to look at.

A letter is named `PARTITION:ENTRY`. It holds the event as it came (of an extraction: which messages), the
reason, the class of the error, which queue gave up, and how often it was tried. Nothing trims it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, Streams
from tablestore_memory.worker.state.entries import every, one, received_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import active_partitions
from tablestore_memory.worker.state.scripts import script

_TALLIED = (
    1_000  # of a partition: a script that looked at more would keep Redis busy for milliseconds
)
# Half an id names the first entry of its millisecond to Redis, and one of over 64 bits is an error to it.
_NAME = re.compile(r"(\d{1,4}):(\d{1,19}-\d{1,19})", re.ASCII)
INGEST, REQUESTS, EXTRACT = "ingest", "requests", "extract"


@script
def requeue_letter(
    redis: Redis,
    *,
    dead: str,
    stream: str,
    entry: str,
    event_field: str,
    received_field: str,
    received_ms: int,
) -> int: ...


@script
def tally_dead_letters(redis: Redis, *, dead: str, most: int) -> list[tuple[bytes, int]]: ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One; `dead_lettered_ms` since the epoch, `entry` the id it had in its stream, if it was in one."""

    partition: int
    dead_id: str
    event: bytes
    reason: str
    error: str
    queue: str
    deliveries: int
    entry: str
    received_ms: int

    @property
    def name(self) -> str:
        return f"{self.partition}:{self.dead_id}"

    @property
    def dead_lettered_ms(self) -> int:
        return int(self.dead_id.partition("-")[0])


class DeadLetters:
    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def add(
        self,
        partition: int,
        *,
        event: bytes,
        reason: str,
        queue: str,
        error: str = "",
        received_ms: int | None = None,
    ) -> None:
        """Keep one; `event` is its JSON as it came, or the ids of the messages it is about."""
        letter: dict[Any, Any] = {
            EVENT_FIELD: event,
            "reason": reason,
            "queue": queue,
            "error": error,
            "deliveries": 1,
        }
        if received_ms is not None:
            letter[RECEIVED_FIELD] = received_ms
        self._redis.xadd(self._keys.dead(partition), letter)

    def count(self) -> int:
        return sum(int(self._redis.xlen(self._keys.dead(p))) for p in self._partitions())

    def tally(self) -> dict[tuple[str, str], int]:
        """How many there are by queue and class of error; of each partition's newest ones, if it has too many."""
        counts: Counter[tuple[str, str]] = Counter()
        for partition in self._partitions():
            key = self._keys.dead(partition)
            for name, count in tally_dead_letters(self._redis, dead=key, most=_TALLIED):
                queue, _, error = name.decode().partition(" ")
                counts[queue, error] += count
        return dict(counts)

    def all(self) -> Iterator[DeadLetter]:
        """Partition by partition, each oldest first."""
        for partition in self._partitions():
            for dead_id, fields in every(self._redis, self._keys.dead(partition)):
                yield _letter(partition, dead_id, fields)

    def get(self, name: str) -> DeadLetter | None:
        """The letter of this name; None if there is none, or the name is no name."""
        named = _NAME.fullmatch(name)
        if named is None:
            return None
        partition, dead_id = int(named[1]), named[2]
        fields = one(self._redis, self._keys.dead(partition), dead_id)
        return None if fields is None else _letter(partition, dead_id, fields)

    def requeue(self, letter: DeadLetter) -> bool:
        """The event goes to the end of the stream it came from, and is a letter no more.

        Its row takes its old place all the same: the key comes from the event. False if it was gone.
        """
        stream = self._keys.requests if letter.queue == REQUESTS else self._keys.events
        requeued = requeue_letter(
            self._redis,
            dead=self._keys.dead(letter.partition),
            stream=stream(letter.partition),
            entry=letter.dead_id,
            event_field=EVENT_FIELD,
            received_field=RECEIVED_FIELD,
            received_ms=letter.received_ms,
        )
        return bool(requeued)

    def discard(self, letter: DeadLetter) -> bool:
        """Delete it for good. False if it was gone."""
        return bool(self._redis.xdel(self._keys.dead(letter.partition), letter.dead_id))

    def _partitions(self) -> range:
        return active_partitions(self._redis, self._keys.streams)


def _letter(partition: int, dead_id: str, fields: dict[bytes, bytes]) -> DeadLetter:
    text = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
    return DeadLetter(
        partition,
        dead_id,
        event=fields.get(EVENT_FIELD.encode(), b""),
        reason=text.get("reason", ""),
        error=text.get("error", ""),
        queue=text.get("queue", ""),
        deliveries=int(text.get("deliveries", 1)),
        entry=text.get("entry", ""),
        received_ms=received_ms(dead_id, fields),
    )
