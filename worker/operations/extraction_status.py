"""How extraction stands, for `status`: what it gave up, and what it spent today."""

from dataclasses import dataclass

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS


@dataclass(frozen=True, slots=True)
class State:
    """`decided_with_stale_index` counts decisions made while the index was too far behind to show everything."""

    decided_with_stale_index: int
    given_up_sessions: int
    qwen_calls_today: int
    qwen_tokens_today: int
    qwen_cached_tokens_today: int


def state(redis: Redis, streams: Streams, unindexed: UnindexedMemories) -> State:
    spent = Budget(redis, streams, None).spent()
    with redis.pipeline(transaction=False) as pipe:
        for partition in range(STATE_PARTITIONS):
            pipe.hlen(Keys(streams).given_up(partition))
        given_up = pipe.execute()
    return State(
        decided_with_stale_index=unindexed.decided_with_stale_index(),
        given_up_sessions=sum(given_up),
        qwen_calls_today=spent["calls"],
        qwen_tokens_today=spent["tokens"],
        qwen_cached_tokens_today=spent["cached_tokens"],
    )
