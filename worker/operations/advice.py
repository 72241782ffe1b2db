"""What a person can do about what keeps the work from going on. By the class of an error, never by its text."""

from collections.abc import Iterable

from tablestore_memory.worker.dispatch.stage_errors import Failing
from tablestore_memory.worker.operations.status import Obstacle

BY_ERROR = {
    "BadCredentials": "check the keys: TABLESTORE_ACCESS_KEY_ID, TABLESTORE_ACCESS_KEY_SECRET, DASHSCOPE_API_KEY",
    "ResourceMissing": "run `memory-worker init`, and check the names of tables and models",
    "WrongSchema": "give the tables other names, or delete them and run `memory-worker init`",
    "PaymentRequired": "pay the account, or raise its quota",
    "BudgetSpent": "raise MEMORY_DAILY_TOKENS, or wait until 00:00 UTC",
}
_BY_KIND = {
    "pause": "run `memory-worker doctor`: it asks every service. The work goes on by itself",
    "failing": "run `memory-worker doctor`: it asks every service. It is tried again by itself",
    "budgets": "raise MEMORY_USER_DAILY_TOKENS, or wait",
    "events": "start more workers of queue ingest, up to one a partition",
    "requests": "start more workers of queue extract",
    "sessions": "start more workers of queue extract, or raise MEMORY_QWEN_RPM",
    "memories": "look at the lag of the search index: `memory-worker doctor`",
}


def what_to_do(obstacle: Obstacle, failing: Iterable[Failing]) -> str:
    """In a line; empty where the obstacle itself says it."""
    kind, _, task = obstacle.what.partition(" ")
    errors = (each.error for each in failing if each.task == task)
    return next((BY_ERROR[e] for e in errors if e in BY_ERROR), _BY_KIND.get(kind, ""))
