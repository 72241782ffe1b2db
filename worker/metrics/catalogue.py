"""All metrics, each with its unit in its name and its meaning; docs/metrics.md is held equal to this list.

Those with feeds come from the log events of workers, so a step that logs what it did is counted without knowing
it. The others are read where they stand, when somebody asks (worker/operations/exposition.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tablestore_memory.worker.metrics.metric import Feed, Metric

_MS = 1 / 1000
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120)

# Counted where an entry leaves its stream, in the same script: right whenever whatever dies.
PUBLISHED = Metric(
    "memory_worker_events_published_total",
    "counter",
    "Events that Redis received (from Redis 7 on)",
)
SETTLED = Metric(
    "memory_worker_events_settled_total",
    "counter",
    "Events taken off their stream: stored, refused (a dead letter), or forgotten before they were stored",
    ("outcome",),
)
ROWS = Metric(
    "memory_worker_message_rows_total",
    "counter",
    "Message rows written; a message that was published twice counts twice",
)
STORED_BYTES = Metric(
    "memory_worker_stored_event_bytes_total", "counter", "Size of the events that were stored"
)
STALE = Metric(
    "memory_worker_stale_index_decisions_total",
    "counter",
    "Decisions made while the index was too far behind to show all neighbours",
)

REDIS_UP = Metric("memory_worker_redis_up", "gauge", "Whether Redis answered: 1 or 0")
WAITING = Metric(
    "memory_worker_waiting",
    "gauge",
    "What is on its way: events to store, requests to carry out, sessions to extract, "
    "memories that the search index does not show",
    ("stage",),
)
OLDEST = Metric(
    "memory_worker_oldest_age_seconds",
    "gauge",
    "How long the oldest of that has waited: the lag of the stage, of memories that of the index",
    ("stage",),
)
DUE = Metric("memory_worker_due_sessions", "gauge", "Sessions that are due for extraction now")
DEAD = Metric(
    "memory_worker_dead_letters",
    "gauge",
    "Dead letters that wait for a person, by the class of their error",
    ("queue", "error"),
)
GIVEN_UP = Metric(
    "memory_worker_given_up_sessions", "gauge", "Sessions whose extraction was given up"
)
PAUSED = Metric(
    "memory_worker_paused", "gauge", "Whether a task is paused: 1 or 0", ("queue", "task")
)
FAILING = Metric(
    "memory_worker_failing_seconds",
    "gauge",
    "For how long nothing of a task has succeeded; 0 while it does not fail",
    ("task",),
)
WORKERS = Metric(
    "memory_worker_workers", "gauge", "Workers that reported lately and consume a queue", ("queue",)
)
DROPPED = Metric(
    "memory_worker_publisher_dropped_events",
    "gauge",
    "Events that publishers told they had to drop, of the publishers of the last days",
    ("reason",),
)
PUBLISHER_BACKLOG = Metric(
    "memory_worker_publisher_backlog_events",
    "gauge",
    "Events that publishers told they hold, in memory or in their journal, and could not deliver yet",
)
DAY_CALLS = Metric("memory_worker_day_qwen_calls", "gauge", "Calls to Qwen today (UTC)")
DAY_TOKENS = Metric("memory_worker_day_qwen_tokens", "gauge", "Tokens of Qwen today (UTC)")
DAY_LIMIT = Metric(
    "memory_worker_day_qwen_tokens_limit",
    "gauge",
    "Tokens that may be spent in a day, as the workers were told; missing without a limit",
)
OVER_BUDGET = Metric(
    "memory_worker_users_over_budget",
    "gauge",
    "Users who have spent their tokens of today: their extraction waits for the next day",
)
SINCE = Metric(
    "memory_worker_counting_since_timestamp_seconds",
    "gauge",
    "When counting began: another time means that Redis lost the counts and all counters began anew",
)

CHUNKS = Metric(
    "memory_worker_chunks_extracted_total",
    "counter",
    "Pieces of sessions that are done",
    feeds=(Feed("session.extracted"),),
)
REQUESTS = Metric(
    "memory_worker_requests_total",
    "counter",
    "Requests that were carried out",
    ("request",),
    feeds=(
        Feed("memory.remembered", fixed={"request": "remember"}),
        Feed("document.remembered", fixed={"request": "document"}),
        Feed("memory.edited", fixed={"request": "edit_memory"}),
        Feed("memory.deleted", fixed={"request": "delete_memory"}),
        Feed("user.forgotten", fixed={"request": "forget"}),
    ),
)
INDEX_LAG = Metric(
    "memory_worker_index_lag_seconds",
    "histogram",
    "From a memory's writing to its being searchable",
    feeds=(Feed("memory.searchable", "lag_ms", _MS),),
    buckets=_SLOW,
)
CATALOGUE: tuple[Metric, ...] = (
    PUBLISHED,
    SETTLED,
    ROWS,
    STORED_BYTES,
    Metric(
        "memory_worker_batch_duration_seconds",
        "histogram",
        "From a batch's first request to Tablestore to its acknowledgement",
        feeds=(Feed("batch.stored", "duration_ms", _MS),),
        buckets=_FAST,
    ),
    Metric(
        "memory_worker_batches_again_total",
        "counter",
        "Batches that an earlier drain had taken and not settled",
        feeds=(Feed("batch.stored", "again"),),
    ),
    Metric(
        "memory_worker_store_call_duration_seconds",
        "histogram",
        "Calls to Tablestore, answered or not",
        ("operation",),
        feeds=(Feed("store.called", "duration_ms", _MS, by={"operation": "operation"}),),
        buckets=_FAST,
    ),
    Metric(
        "memory_worker_store_errors_total",
        "counter",
        "Calls to Tablestore that failed as a whole",
        ("operation", "error"),
        feeds=(Feed("store.failed", by={"operation": "operation", "error": "error"}),),
    ),
    Metric(
        "memory_worker_qwen_call_duration_seconds",
        "histogram",
        "Answered calls to Qwen, without the wait for room",
        ("model", "purpose"),
        feeds=(
            Feed(
                "qwen.answered",
                "duration_ms",
                _MS,
                by={"model": "model", "purpose": "purpose"},
            ),
        ),
        buckets=_SLOW,
    ),
    Metric(
        "memory_worker_qwen_tokens_total",
        "counter",
        "Tokens of answered calls; cached ones are a part of the input",
        ("model", "purpose", "type"),
        feeds=tuple(
            Feed(
                "qwen.answered",
                f"{kind}_tokens",
                by={"model": "model", "purpose": "purpose"},
                fixed={"type": kind},
            )
            for kind in ("input", "output", "cached")
        ),
    ),
    Metric(
        "memory_worker_qwen_errors_total",
        "counter",
        "Calls to Qwen that were refused or got no answer",
        ("purpose", "error"),
        feeds=(Feed("qwen.failed", by={"purpose": "purpose", "error": "error"}),),
    ),
    Metric(
        "memory_worker_unbooked_calls_total",
        "counter",
        "Calls to Qwen whose cost could not be booked",
        feeds=(Feed("cost.unbooked"),),
    ),
    CHUNKS,
    Metric(
        "memory_worker_apply_duration_seconds",
        "histogram",
        "From a piece's facts to its memories written",
        feeds=(Feed("session.extracted", "apply_ms", _MS),),
        buckets=_SLOW,
    ),
    Metric(
        "memory_worker_facts_found_total",
        "counter",
        "Facts that were found in messages and hold",
        feeds=(Feed("session.extracted", "facts"),),
    ),
    Metric(
        "memory_worker_facts_dropped_total",
        "counter",
        "Facts of an answer that do not hold",
        ("reason",),
        feeds=(Feed("facts.dropped", "facts", each="reasons", fixed={"reason": "unspecified"}),),
    ),
    Metric(
        "memory_worker_memory_changes_total",
        "counter",
        "What became of memories: added, changed in place (said again), replaced (moved to the history)",
        ("action",),
        feeds=tuple(
            Feed("memories.changed", action, fixed={"action": action})
            for action in ("added", "changed", "replaced")
        ),
    ),
    REQUESTS,
    INDEX_LAG,
    STALE,
    Metric(
        "memory_worker_recall_duration_seconds",
        "histogram",
        "Recalls that a server answered, also those that lack something",
        feeds=(Feed("recall.answered", "duration_ms", _MS),),
        buckets=_FAST,
    ),
    Metric(
        "memory_worker_retries_total",
        "counter",
        "What failed and is tried again later, and rows at once",
        ("what", "error"),
        feeds=(
            Feed("task.failed", by={"error": "error", "what": "task"}),
            Feed("session.failed", by={"error": "error"}, fixed={"what": "session"}),
            Feed("request.failed", by={"error": "error"}, fixed={"what": "request"}),
            Feed("decision.failed", by={"error": "error"}, fixed={"what": "decision"}),
            Feed("rows.again", "rows", by={"error": "error"}, fixed={"what": "row"}),
        ),
    ),
    Metric(
        "memory_worker_dead_lettered_total",
        "counter",
        "What was set aside with its reason",
        ("queue",),
        feeds=(
            Feed("event.dead", fixed={"queue": "ingest"}),
            Feed("request.dead", fixed={"queue": "requests"}),
            Feed("session.given_up", fixed={"queue": "extract"}),
            Feed("messages.skipped", fixed={"queue": "extract"}),
        ),
    ),
    Metric(
        "memory_worker_pauses_total",
        "counter",
        "Pauses of a queue, as every task would fail",
        ("task",),
        feeds=(Feed("queue.paused", by={"task": "task"}),),
    ),
    Metric(
        "memory_worker_starts_total",
        "counter",
        "Workers that started",
        feeds=(Feed("worker.starting"),),
    ),
    REDIS_UP,
    WAITING,
    OLDEST,
    DUE,
    DEAD,
    GIVEN_UP,
    PAUSED,
    FAILING,
    WORKERS,
    DROPPED,
    PUBLISHER_BACKLOG,
    DAY_CALLS,
    DAY_TOKENS,
    DAY_LIMIT,
    OVER_BUDGET,
    SINCE,
)


def _by_event() -> Mapping[str, Sequence[tuple[Metric, Feed]]]:
    found: defaultdict[str, list[tuple[Metric, Feed]]] = defaultdict(list)
    for metric in CATALOGUE:
        for feed in metric.feeds:
            found[feed.event].append((metric, feed))
    return dict(found)


FEEDS = _by_event()
"""What each log event adds to."""
