"""What could never be done: kept in a stream per partition with its reason, for a person to look at.

A letter is named `PARTITION:ENTRY`. It holds the event as it came (of an extraction: which messages), the
reason, the class of the error, which queue gave up, and how often it was tried. Nothing trims it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from tablestore_memory.protocol.streams import EVENT_FIELD, RECEIVED_FIELD, Streams
from tablestore_memory.worker.state.entries import every, one, received_ms
from tablestore_memory.worker.state.partitions import active_partitions

INGEST, REQUESTS, EXTRACT = "ingest", "requests", "extract"

# KEYS: dead stream   ARGV: entry event_field received_field received_ms
# An entry that is gone was put back already.
_PUT_BACK = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then return 0 end
local fields = found[1][2]
for i = 1, #fields, 2 do
  if fields[i] == ARGV[2] then
    redis.call('XADD', KEYS[2], '*', ARGV[2], fields[i + 1], ARGV[3], ARGV[4])
  end
end
return redis.call('XDEL', KEYS[1], ARGV[1])
"""


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
        self._streams = streams

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
        self._redis.xadd(self._stream(partition), letter)

    def count(self) -> int:
        return sum(int(self._redis.xlen(self._stream(p))) for p in self._partitions())

    def all(self) -> Iterator[DeadLetter]:
        """Partition by partition, each oldest first."""
        for partition in self._partitions():
            for dead_id, fields in every(self._redis, self._stream(partition)):
                yield _letter(partition, dead_id, fields)

    def get(self, name: str) -> DeadLetter | None:
        """The letter of this name; None if there is none, or the name is no name."""
        number, _, dead_id = name.partition(":")
        if not (number.isdecimal() and dead_id.replace("-", "").isdecimal()):
            return None
        fields = one(self._redis, self._stream(int(number)), dead_id)
        return None if fields is None else _letter(int(number), dead_id, fields)

    def requeue(self, letter: DeadLetter) -> bool:
        """The event goes to the end of the stream it came from, and is a letter no more.

        Its row takes its old place all the same: the key comes from the event. False if it was gone.
        """
        stream = "requests" if letter.queue == REQUESTS else "events"
        keys = [self._stream(letter.partition), self._streams.key(letter.partition, stream)]
        return bool(
            self._redis.eval(
                _PUT_BACK, 2, *keys, letter.dead_id, EVENT_FIELD, RECEIVED_FIELD, letter.received_ms
            )
        )

    def discard(self, letter: DeadLetter) -> bool:
        """Delete it for good. False if it was gone."""
        return bool(self._redis.xdel(self._stream(letter.partition), letter.dead_id))

    def _partitions(self) -> range:
        return active_partitions(self._redis, self._streams)

    def _stream(self, partition: int) -> str:
        return self._streams.key(partition, "dead")


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
