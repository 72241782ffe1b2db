"""How much is on its way, stage by stage. Reads Redis only.

Work moves forward: events, then sessions and requests, then memories to confirm. Read in that order,
all zeros means that everything published before the reading is stored, extracted and searchable.
"""

from collections import Counter
from dataclasses import dataclass
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import BACKLOG_KEPT_S, Streams
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import active_partitions


@dataclass(frozen=True, slots=True)
class Backlog:
    """Counts over all partitions. `unsearchable` are memories the index does not show yet."""

    events: int
    requests: int
    sessions: int
    unsearchable: int
    dead: int

    @property
    def left(self) -> int:
        return self.events + self.requests + self.sessions + self.unsearchable


def backlog(redis: Redis, streams: Streams) -> Backlog:
    keys, partitions = Keys(streams), active_partitions(redis, streams)
    n = len(partitions)
    with redis.pipeline(transaction=False) as pipe:
        for stream in (keys.events, keys.requests):
            for p in partitions:
                pipe.xlen(stream(p))
        for sorted_set in (keys.due, keys.confirm):
            for p in partitions:
                pipe.zcard(sorted_set(p))
        for p in partitions:
            pipe.xlen(keys.dead(p))
        answers = [int(answer) for answer in pipe.execute()]
    return Backlog(*(sum(answers[i * n : (i + 1) * n]) for i in range(5)))


def dropped(redis: Redis, streams: Streams) -> dict[str, int]:
    """How many events publishers had to drop in the last days, by reason (docs/publishing.md)."""
    found = cast(dict[bytes, bytes], redis.hgetall(Keys(streams).dropped()))
    counts: Counter[str] = Counter()
    for name, count in found.items():
        counts[name.decode().rpartition(":")[2]] += int(count)
    return dict(counts)


def held_by_publishers(redis: Redis, streams: Streams) -> int:
    """Events that publishers told within the last minute they could not deliver yet."""
    found = cast(dict[bytes, bytes], redis.hgetall(Keys(streams).backlogs()))
    told = (map(int, each.split()) for each in found.values())
    oldest_ms = now_ms(redis) - BACKLOG_KEPT_S * 1000
    return sum(events for events, at_ms in told if at_ms > oldest_ms)
