"""Qwen's pace over whatever Redis the worker's URL names."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.failures.errors import Throttled
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.rate_limit import RateLimiter, Rates
from tablestore_memory.worker.state.connection import connect_redis
from tablestore_memory.worker.state.keys import Keys
from tests.redis_nodes import Node, cluster, watched_by_sentinels


@contextmanager
def one_node() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        node = Node(directory)
        node.client.config_set("requirepass", "p@ss word")
        try:
            yield f"redis://:p%40ss%20word@127.0.0.1:{node.port}/3"
        finally:
            node.kill()


@contextmanager
def socket_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "redis.sock"
        node = Node(directory, "--unixsocket", str(path))
        try:
            yield f"unix://{path}?db=3"
        finally:
            node.kill()


@contextmanager
def sentinels() -> Iterator[str]:
    with watched_by_sentinels() as watched:
        yield watched.url


@pytest.mark.parametrize("place", [one_node, socket_file, sentinels, cluster])
def test_pace_is_kept_and_slowed(place: object) -> None:
    with place() as url:  # type: ignore[operator]
        one, other = (pace(url) for _ in range(2))
        for model in ("qwen-plus", "text-embedding-v4"):
            with one.call(model, 10) as spent:
                spent.tokens = 30
            with pytest.raises(Throttled, match="429"), one.call(model, 10):
                raise Throttled("429")
            with other.call(model, 10), one.call(model, 10):
                pass

            with pytest.raises(Throttled, match="MEMORY_QWEN_RPM"), one.call(model, 10):
                pass

            most = other.redis.hget(Keys(other.streams).counts(model), "most")
            assert float(most or 0) < 16.5


def pace(url: str) -> RateLimiter:
    redis, streams = connect_redis(url), Streams("pace")
    budget = Budget(redis, streams, None)
    return RateLimiter(redis, streams, Rates(4, 1_000), budget, patience_s=-1.0)
