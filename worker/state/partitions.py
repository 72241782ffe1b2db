"""Which partitions there are. The streams' number may change at any time; that of our own state never does.

Publishers spread sessions over `MEMORY_PARTITIONS` streams, and some may use another number than others
for a while. Workers read a stream by its number and never hash for it, so they drain every stream that
exists: one that was ever written to stays as an empty key. What workers keep about sessions and users
(due, plans, leases, memories to confirm) is spread over a fixed number of partitions instead.
"""

from redis import Redis, RedisCluster

from tablestore_memory.protocol.streams import MAX_PARTITIONS, Streams

STATE_PARTITIONS = 32
"""Never to be changed: where a session's state stands follows from it."""
_BLOCK = 32  # streams asked for in one command


def state_streams(prefix: str) -> Streams:
    """The names of keys, with `partition()` giving where a worker keeps a session's or a user's state."""
    return Streams(prefix, STATE_PARTITIONS)


def active_partitions(redis: Redis, streams: Streams) -> range:
    """All partitions that may hold anything: up to the highest whose stream of events was ever used."""
    blocks = _used(redis, streams, range(0, MAX_PARTITIONS, _BLOCK))
    last = max(blocks, default=0)
    used = _used(redis, streams, range(last, last + _BLOCK), count=1)
    return range(max([STATE_PARTITIONS, *(number + 1 for number in used)]))


def _used(redis: Redis, streams: Streams, starts: range, count: int = _BLOCK) -> list[int]:
    """Where any of `count` streams from there on exists."""
    if isinstance(redis, RedisCluster) and count > 1:  # one command, one slot
        each = _used(redis, streams, range(MAX_PARTITIONS), count=1)
        return sorted({number // count * count for number in each})
    with redis.pipeline(transaction=False) as pipe:
        for start in starts:
            pipe.exists(*(streams.events(start + number) for number in range(count)))
        return [start for start, found in zip(starts, pipe.execute(), strict=True) if found]
