"""Requests and tokens a minute to Qwen are shared by all workers, and halved after each 429."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from devtools.servers import wait_until
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen import rate_limit
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.rate_limit import RateLimiter, Rates
from tests.local_dashscope import LocalDashScope

MODEL = "qwen-plus"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds no room says so at once."""
    monkeypatch.setattr(rate_limit, "_PATIENCE_S", -1.0)


def pace(redis: Redis, prefix: str, requests: int = 10**6, tokens: int = 10**9) -> RateLimiter:
    streams = Streams(prefix)
    return RateLimiter(redis, streams, Rates(requests, tokens), Budget(redis, streams, None))


def room(step: RateLimiter, *, tokens: int = 1, model: str = MODEL) -> int:
    """How many calls of so many tokens may still be made."""
    for made in range(100):
        try:
            step.before(model, tokens)
        except Throttled:
            return made
    raise AssertionError("no limit")


def test_requests_a_minute_are_shared_by_all_workers(redis: Redis, prefix: str) -> None:
    one, other = pace(redis, prefix, 3), pace(redis, prefix, 3)
    one.before(MODEL, 10)
    other.before(MODEL, 10)
    one.before(MODEL, 10)

    with pytest.raises(Throttled, match="MEMORY_QWEN_RPM"):
        other.before(MODEL, 10)


def test_tokens_a_minute_are_shared_by_all_workers(redis: Redis, prefix: str) -> None:
    one, other = pace(redis, prefix, tokens=1_000), pace(redis, prefix, tokens=1_000)
    one.before(MODEL, 600)

    assert room(other, tokens=100) == 4


def test_each_model_has_a_limit_of_its_own(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, 3)
    assert room(step) == 3

    assert room(step, model="text-embedding-v4") == 3


def test_tokens_of_a_larger_answer_than_thought_are_counted(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, tokens=1_000)
    step.before(MODEL, 100)

    step.after(MODEL, 100, 800)

    assert room(step, tokens=100) == 2


def test_call_larger_than_the_limit_is_possible(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, tokens=1_000)

    assert room(step, tokens=5_000) == 1


def test_room_comes_back_as_the_minute_passes(redis: Redis, prefix: str) -> None:
    """In a minute of 200 ms."""
    step = replace(pace(redis, prefix, 4), window_ms=200)
    step.before(MODEL, 1)
    while room(step):
        pass

    wait_until(lambda: room(step), "room for a call")


@pytest.mark.parametrize(("refusals", "calls"), [(0, 8), (1, 4), (2, 2), (3, 1)])
def test_each_refusal_halves_how_many_calls_others_may_make(
    redis: Redis, prefix: str, refusals: int, calls: int
) -> None:
    one, other = pace(redis, prefix, 8), pace(redis, prefix, 8)

    for _ in range(refusals):
        one.throttled(MODEL)

    assert room(other) == calls
    assert other.slowed(MODEL) == 8 // calls


def test_refusal_halves_how_many_tokens_may_be_used(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, tokens=1_000)

    step.throttled(MODEL)

    assert room(step, tokens=100) == 5


def test_refusal_of_one_model_slows_no_other(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, 8)

    step.throttled(MODEL)

    assert room(step, model="text-embedding-v4") == 8


def test_pace_is_never_slower_than_a_32nd(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, 64)

    for _ in range(20):
        step.throttled(MODEL)

    assert room(step) == 2


def test_pace_recovers_when_the_service_refuses_no_more(
    redis: Redis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "HALVINGS_MS", 50)
    step = pace(redis, prefix, 8)
    step.throttled(MODEL)

    wait_until(lambda: step.slowed(MODEL) == 1, "the full pace")

    assert room(step) == 8


def test_429_that_one_worker_gets_slows_another(
    redis: Redis, prefix: str, local_dashscope: LocalDashScope
) -> None:
    one, other = pace(redis, prefix, 8), pace(redis, prefix, 8)
    qwen = Qwen(
        url=local_dashscope.url,
        api_key="local",
        model=MODEL,
        embedding_model="text-embedding-v4",
        dimension=256,
        limiter=one,
    )
    local_dashscope.ask_fault("throttling", count=2)

    with pytest.raises(Throttled):
        qwen.json("Reply with JSON.", "Hello")
    with pytest.raises(Throttled):
        qwen.embed(["Hello"])

    # One call of each was made and counted; the rest counts twice.
    assert (room(other), room(other, model="text-embedding-v4")) == (3, 3)
