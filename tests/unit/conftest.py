"""Clients of the servers that all tests share."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tablestore_memory.worker.settings import Settings


@pytest.fixture(scope="session")
def unconnected() -> Settings:
    """Of servers that are not there, for what connects to nobody."""
    return Settings.from_env(
        {
            "TABLESTORE_ENDPOINT": "http://127.0.0.1:9",
            "TABLESTORE_INSTANCE_NAME": "local",
            "TABLESTORE_ACCESS_KEY_ID": "local",
            "TABLESTORE_ACCESS_KEY_SECRET": "local",
            "DASHSCOPE_API_KEY": "local",
        }
    )


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client
