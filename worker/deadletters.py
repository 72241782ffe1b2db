"""What could never be done: kept in a stream per partition with its reason, for a person to look at."""

from redis import Redis

from producer.streams import EVENT_FIELD, Streams


class DeadLetters:
    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def add(self, partition: int, *, event: bytes, reason: str, queue: str) -> None:
        """Keep one; `event` is its JSON as it came, or the ids of the messages it is about."""
        self._redis.xadd(
            self._streams.key(partition, "dead"),
            {EVENT_FIELD: event, "reason": reason, "queue": queue},
        )

    def count(self) -> int:
        return sum(
            int(self._redis.xlen(self._streams.key(p, "dead")))
            for p in range(self._streams.partitions)
        )
