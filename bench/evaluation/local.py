"""Where an evaluation runs: local Redis and Tablestore in this process; Qwen local, real, or a cassette.

Extraction is called step by step, session after session; nothing waits for being due. Calls and tokens
are counted by what they were for.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.evaluation.answers import Answers
from bench.evaluation.prompt import Prompt
from devtools.deployment import Deployment
from devtools.extraction import confirm_all, store, waiting
from devtools.servers import Server, wait_until
from tablestore_memory.worker.extract.chunks import CONTEXT
from tablestore_memory.worker.qwen.calls import CallLimiter, Spent
from tablestore_memory.worker.services import Services

NO_LIMITS = {"MEMORY_QWEN_RPM": "1000000", "MEMORY_QWEN_TPM": "1000000000"}
_TRIES = 20  # of a session, which gives its place away every half minute


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

    def per_1000(self, messages: int) -> dict[str, float]:
        each = 1000 / max(messages, 1)
        figures = {f"calls {model}": round(n * each, 1) for model, n in self.calls.items()}
        figures |= {f"tokens {model}": round(n * each) for model, n in self.tokens.items()}
        return figures | {"calls": round(self.calls.total() * each, 1)}


@contextmanager
def local_qwen() -> Iterator[str]:
    """The local rules, which are no language model."""
    with Server.start("dashscope") as server:
        yield server.url


@contextmanager
def local_deployment(
    model: str, url: str, **variables: str
) -> Iterator[tuple[Deployment, CountingLimiter]]:
    """A deployment with tables of its own, and Qwen at a URL."""
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
    ):
        settings = {"MEMORY_MODEL": model, "MEMORY_EMBEDDING_DIMENSION": "1024"} | variables
        with Deployment(redis.url, tablestore.url, url, **settings) as deployment:
            limiter = CountingLimiter(deployment.services.limiter)
            deployment.services = Services(deployment.settings, limiter=limiter)
            yield deployment, limiter


def real_key() -> dict[str, str]:
    """The setting for a real endpoint."""
    return {"DASHSCOPE_API_KEY": os.environ["DASHSCOPE_API_KEY"]}


def remember(
    deployment: Deployment,
    lines: Sequence[dict[str, Any]],
    answers: Answers | None = None,
) -> None:
    """Extract the sessions one after the other, and wait until all is searchable.

    What is asked for facts depends on no answer: whoever answers gets all of that at once. Raises Missing if
    some of it has no answer and will get none.
    """
    store(deployment, *lines)
    sessions = list(dict.fromkeys((line["user_id"], line["session_id"]) for line in lines))
    if answers:
        for user, session in sessions:
            for prompt in facts_prompts(deployment, user, session):
                answers.expect(prompt)
        answers.check()
    for user, session in sessions:
        _extract(deployment, user, session)
    wait_until(lambda: confirm_all(deployment) == 0, "everything searchable")


def facts_prompts(deployment: Deployment, user: str, session: str) -> Iterator[Prompt]:
    """All that a session, stored and not extracted, will be asked about."""
    services, start = deployment.services, 0
    messages = services.sessions.messages(user, session, since=0)
    for chunk in services.finder.bounds.chunks_of(messages):
        context = services.sessions.messages_before(user, session, start, CONTEXT) if start else []
        for system, said in services.finder.prompts(context, chunk):
            yield Prompt(system, said)
        start = chunk[-1].created_at + 1


def _extract(deployment: Deployment, user: str, session: str) -> None:
    for _ in range(_TRIES):
        if (user, session) not in waiting(deployment):
            return
        outcome = deployment.services.attempt.run(user, session)
    raise RuntimeError(f"{session} is not extracted after {_TRIES} tries: {outcome.error}")
