"""How extraction stands, for `status`: what it waits for, what it gave up, what it spent today."""

from dataclasses import dataclass

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.budget import Budget
from tablestore_memory.worker.extract.unseen import Unseen
from tablestore_memory.worker.partitions import STATE_PARTITIONS


@dataclass(frozen=True, slots=True)
class State:
    """`passed_over` counts decisions made while the index was too far behind to show everything."""

    oldest_unsearchable_s: float
    passed_over: int
    given_up_sessions: int
    qwen_calls_today: int
    qwen_tokens_today: int
    daily_tokens: int | None


def state(redis: Redis, streams: Streams, unseen: Unseen, budget: Budget) -> State:
    partitions = range(STATE_PARTITIONS)
    spent = budget.spent()
    given_up = sum(int(redis.hlen(streams.key(p, "given-up"))) for p in partitions)
    return State(
        oldest_unsearchable_s=round(unseen.oldest_ms(partitions) / 1000, 1),
        passed_over=unseen.passed_over(),
        given_up_sessions=given_up,
        qwen_calls_today=spent["calls"],
        qwen_tokens_today=spent["tokens"],
        daily_tokens=budget.daily_tokens,
    )
