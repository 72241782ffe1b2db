"""Which partitions there are. The streams' number may change at any time; that of our own state never does.

Publishers spread sessions over `MEMORY_PARTITIONS` streams, and some may use another number than others
for a while. Workers read a stream by its number and never hash for it, so they drain every stream that
exists: one that was ever written to stays as an empty key. What workers keep about sessions and users
(due, plans, leases, memories to confirm) is spread over a fixed number of partitions instead.
"""

from redis import Redis

from producer.streams import Streams

STATE_PARTITIONS = 32
"""Never to be changed: where a session's state stands follows from it."""
MAX_PARTITIONS = 1024
"""Streams with a higher number are not looked for."""


def state_streams(prefix: str) -> Streams:
    """The names of keys, with `partition()` giving where a worker keeps a session's or a user's state."""
    return Streams(prefix, STATE_PARTITIONS)


def existing(redis: Redis, streams: Streams) -> range:
    """All partitions that may hold anything, found by asking for each stream of events."""
    with redis.pipeline(transaction=False) as pipe:
        for partition in range(MAX_PARTITIONS):
            pipe.exists(streams.events(partition))
        found = [number for number, there in enumerate(pipe.execute()) if there]
    return range(max([STATE_PARTITIONS, *(number + 1 for number in found[-1:])]))
