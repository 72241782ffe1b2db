"""How much is on its way, stage by stage. Reads Redis only.

Work moves forward: events, then sessions and requests, then memories to confirm. Read in that order,
all zeros means that everything published before the reading is stored, extracted and searchable.
"""

from collections import Counter
from dataclasses import dataclass
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
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
