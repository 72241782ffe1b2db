"""Where an evaluation runs: local Redis and Tablestore, and Qwen local or real, in this process.

Extraction is called step by step, session after session; nothing waits for being due. Calls and tokens
are counted by what they were for.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from devtools.deployment import Deployment
from devtools.extraction import confirm_all, extract_all, store
from devtools.servers import Server, wait_until
from tablestore_memory.worker.qwen.calls import CallLimiter, Spent
from tablestore_memory.worker.services import Services

NO_LIMITS = {"MEMORY_QWEN_RPM": "1000000", "MEMORY_QWEN_TPM": "1000000000"}


class CountingLimiter:
    """The shared pace, with calls and tokens counted by model."""

    def __init__(self, limiter: CallLimiter) -> None:
        self._limiter = limiter
        self.calls: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()

    @contextmanager
    def call(self, model: str, tokens: int) -> Iterator[Spent]:
        with self._limiter.call(model, tokens) as spent:
            yield spent
        self.calls[model] += 1
        self.tokens[model] += spent.tokens


@contextmanager
def local_deployment(
    model: str, endpoint: str | None
) -> Iterator[tuple[Deployment, CountingLimiter]]:
    """A deployment with tables of its own. With an endpoint, Qwen is there, with DASHSCOPE_API_KEY."""
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Server.start("dashscope") as local_qwen,
    ):
        variables = {"MEMORY_MODEL": model, "MEMORY_EMBEDDING_DIMENSION": "1024"}
        if endpoint:
            variables["DASHSCOPE_API_KEY"] = os.environ["DASHSCOPE_API_KEY"]
        else:
            variables |= NO_LIMITS
        url = endpoint or local_qwen.url
        with Deployment(redis.url, tablestore.url, url, **variables) as deployment:
            limiter = CountingLimiter(deployment.services.limiter)
            deployment.services = Services(deployment.settings, limiter=limiter)
            yield deployment, limiter


def remember(deployment: Deployment, lines: Sequence[dict[str, Any]]) -> None:
    """Extract the sessions one after the other, and wait until all is searchable."""
    for _, session in groupby(lines, key=lambda line: line["session_id"]):
        store(deployment, *session)
        extract_all(deployment)
    wait_until(lambda: confirm_all(deployment) == 0, "everything searchable", 60)
