"""Requests and tokens a minute to Qwen are shared by all workers, and so is what its refusals teach."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from redis import Redis

from devtools.servers import wait_until
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Throttled, Unavailable
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.client import Qwen
from tablestore_memory.worker.qwen.rate_limit import RateLimiter, Rates
from tablestore_memory.worker.state.keys import Keys
from tests.local_dashscope import LocalDashScope

MODEL = "qwen-plus"
UNDER_WAY: list[ExitStack] = []
"""What nobody holds is ended."""


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No call outlasts its test."""
    yield
    UNDER_WAY.clear()


def pace(
    redis: Redis, prefix: str, requests: int = 10**6, tokens: int = 10**9, **timing: Any
) -> RateLimiter:
    """One that says at once what finds no room."""
    streams = Streams(prefix)
    rates, budget = Rates(requests, tokens), Budget(redis, streams, None)
    return RateLimiter(redis, streams, rates, budget, **{"patience_s": -1.0} | timing)


def most(redis: Redis, prefix: str, model: str = MODEL) -> float:
    """Calls that may be under way now, as far as answers and refusals tell."""
    return float(redis.hget(Keys(Streams(prefix)).counts(model), "most") or 0)


def begin(step: RateLimiter, tokens: int = 1, model: str = MODEL) -> ExitStack:
    """A call that is under way until it is closed."""
    call = ExitStack()
    call.enter_context(step.call(model, tokens))
    UNDER_WAY.append(call)
    return call


def answered(step: RateLimiter, *, used: int = 1, tokens: int = 1) -> None:
    with step.call(MODEL, tokens) as spent:
        spent.tokens = used


def refused(step: RateLimiter) -> None:
    with suppress(Throttled), step.call(MODEL, 1):
        raise Throttled("429")


def room(step: RateLimiter, *, tokens: int = 1, model: str = MODEL) -> int:
    """How many calls of so many tokens may still be made now."""
    for made in range(100):
        try:
            begin(step, tokens, model)
        except Throttled:
            return made
    raise AssertionError("no limit")


def test_requests_a_minute_are_shared_by_all_workers(redis: Redis, prefix: str) -> None:
    one, other = pace(redis, prefix, 3), pace(redis, prefix, 3)
    begin(one)
    begin(other)
    begin(one)

    with pytest.raises(Throttled, match="MEMORY_QWEN_RPM"):
        begin(other)


def test_tokens_a_minute_are_shared_by_all_workers(redis: Redis, prefix: str) -> None:
    one, other = pace(redis, prefix, tokens=1_000), pace(redis, prefix, tokens=1_000)
    begin(one, 600)

    assert room(other, tokens=100) == 4


def test_each_model_has_a_limit_of_its_own(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, 3)
    assert room(step) == 3

    assert room(step, model="text-embedding-v4") == 3


def test_tokens_of_a_larger_answer_than_thought_are_counted(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, tokens=1_000)

    answered(step, tokens=100, used=800)

    assert room(step, tokens=100) == 2


def test_call_larger_than_the_limit_is_possible(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, tokens=1_000)

    assert room(step, tokens=5_000) == 1


def test_room_comes_back_as_the_minute_passes(redis: Redis, prefix: str) -> None:
    """In a minute of 200 ms."""
    step = pace(redis, prefix, 4, window_ms=200, most_at_first=1_000)
    begin(step)
    while room(step):
        pass

    wait_until(lambda: room(step), "room for a call")


def test_calls_under_way_are_bounded_for_all_workers_together(redis: Redis, prefix: str) -> None:
    one, other = pace(redis, prefix), pace(redis, prefix)
    begin(one)

    assert room(other) == 15


def test_call_that_ends_makes_room_however_it_ends(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix)
    with suppress(Unavailable), step.call(MODEL, 1):
        raise Unavailable("no connection")

    assert room(step) == 16


def test_call_of_a_worker_that_died_makes_room_after_a_while(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, call_ms=3_000)
    assert room(step) == 16

    wait_until(lambda: room(step), "room for a call")


def test_each_round_of_answers_doubles_the_calls_under_way_until_one_is_refused(
    redis: Redis, prefix: str
) -> None:
    step = pace(redis, prefix)
    calls = [begin(step) for _ in range(16)]

    def answer_all() -> float:
        """Each makes room for the next."""
        for _ in range(16):
            calls.pop(0).close()
            calls.append(begin(step))
        return most(redis, prefix)

    assert answer_all() == 32
    refused(step)

    assert most(redis, prefix) == 31.5
    assert 31.9 < answer_all() < 32.2


def test_calls_are_halved_by_a_round_of_refusals(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix)
    calls = [begin(step) for _ in range(16)]

    for call in calls:
        call.__exit__(Throttled, Throttled("429"), None)

    assert most(redis, prefix) == 8


def test_one_call_remains_whatever_is_refused(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, pause_ms=(0, 0))
    for _ in range(40):
        refused(step)

    assert room(step) == 1


def test_nobody_calls_for_a_while_when_nothing_is_answered_between_refusals(
    redis: Redis, prefix: str
) -> None:
    one, other = pace(redis, prefix), pace(redis, prefix)
    refused(one)
    assert room(other) == 15

    for call in (begin(pace(redis, f"{prefix}-2")) for _ in range(2)):
        call.__exit__(Throttled, Throttled("429"), None)

    assert room(pace(redis, f"{prefix}-2")) == 0


def test_answer_ends_the_pauses(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, pause_ms=(60_000, 60_000))
    refused(step)
    answered(step)
    refused(step)

    assert room(step) == 15


def test_refusal_of_one_model_slows_no_other(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix)

    refused(step)

    assert room(step, model="text-embedding-v4") == 16


def test_threads_that_wait_for_room_ask_one_at_a_time(redis: Redis, prefix: str) -> None:
    step = pace(redis, prefix, 1, patience_s=0.5)
    begin(step)
    before = redis.info("commandstats")["cmdstat_eval"]["calls"]

    with ThreadPoolExecutor(20) as threads:
        for call in [threads.submit(begin, step) for _ in range(20)]:
            assert isinstance(call.exception(), Throttled)

    asked = redis.info("commandstats")["cmdstat_eval"]["calls"] - before
    # For half a second each, every 60 ms on average, it would be some 160.
    assert asked < 60


def test_429_is_counted_where_all_workers_look(
    redis: Redis, prefix: str, local_dashscope: LocalDashScope
) -> None:
    qwen = Qwen(
        url=local_dashscope.url,
        api_key="local",
        model=MODEL,
        embedding_model="text-embedding-v4",
        dimension=256,
        limiter=pace(redis, prefix),
    )
    local_dashscope.faults.add("error", code="Throttling", times=2)

    with pytest.raises(Throttled):
        qwen.json("Reply with JSON.", "Hello")
    with pytest.raises(Throttled):
        qwen.embed(["Hello"])

    assert most(redis, prefix) == most(redis, prefix, "text-embedding-v4") == 15.5
