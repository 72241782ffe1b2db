"""How the work stands, as metrics: what `status` reads, by the names of the catalogue."""

from collections.abc import Iterator

from redis import Redis

from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.metrics import catalogue as names
from tablestore_memory.worker.metrics.metric import Metric
from tablestore_memory.worker.metrics.tally import Series
from tablestore_memory.worker.operations.backlog import dropped, held_by_publishers
from tablestore_memory.worker.operations.extraction_status import state
from tablestore_memory.worker.operations.status import Standing, standing
from tablestore_memory.worker.sessions.due import DueSessions
from tablestore_memory.worker.state.dead_letters import DeadLetters
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS

Gauge = tuple[Metric, tuple[str, ...], float]


def gauges(redis: Redis, keys: Keys, since_ms: int) -> dict[Series, float]:
    streams = keys.streams
    now = standing(redis, streams)
    extraction = state(redis, streams, UnindexedMemories(redis, streams))
    found: list[Gauge] = [
        (names.REDIS_UP, (), 1),
        (names.SINCE, (), since_ms / 1000),
        (names.DUE, (), sum(DueSessions(redis, streams).counts(range(STATE_PARTITIONS)))),
        (names.GIVEN_UP, (), extraction.given_up_sessions),
        (names.DAY_CALLS, (), extraction.qwen_calls_today),
        (names.DAY_TOKENS, (), extraction.qwen_tokens_today),
        (names.OVER_BUDGET, (), now.users_over_budget),
        (names.PUBLISHER_BACKLOG, (), held_by_publishers(redis, streams)),
        *_stages(now),
        *_tasks(now),
        *((names.DEAD, each, n) for each, n in DeadLetters(redis, streams).tally().items()),
        *((names.DROPPED, (why,), n) for why, n in dropped(redis, streams).items()),
    ]
    if now.daily_tokens:
        found.append((names.DAY_LIMIT, (), now.daily_tokens))
    return {Series(metric.name, labels): amount for metric, labels, amount in found}


def _stages(now: Standing) -> Iterator[Gauge]:
    for stage, count, age_s in (
        ("events", now.backlog.events, now.ages.oldest_event_s),
        ("requests", now.backlog.requests, now.ages.oldest_request_s),
        ("sessions", now.backlog.sessions, now.ages.oldest_session_s),
        ("memories", now.backlog.unsearchable, now.ages.oldest_unsearchable_s),
    ):
        yield names.WAITING, (stage,), count
        yield names.OLDEST, (stage,), age_s if count else 0


def _tasks(now: Standing) -> Iterator[Gauge]:
    paused = {pause["task"] for pause in now.paused}
    for task, queue in gate.QUEUE_OF.items():
        yield names.PAUSED, (queue, task), task in paused
        since_ms = now.since_ms(task)
        yield names.FAILING, (task,), max(0, now.at_ms - since_ms) / 1000 if since_ms else 0
    for queue in gate.NAMES:
        yield names.WORKERS, (queue,), sum(queue in worker.queues for worker in now.workers)
