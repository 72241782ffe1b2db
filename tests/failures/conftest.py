"""Servers that the tests of failures may break."""

from collections.abc import Iterator

import pytest

from tests.deployment import Deployment
from tests.failures.ingesting import SHARED_TABLES
from tests.servers import Server


@pytest.fixture(scope="session")
def faulty_tablestore_url() -> Iterator[str]:
    """A local Tablestore, in memory, whose faults are to be had."""
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as server:
        yield server.url


@pytest.fixture
def undrained(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str
) -> Iterator[Deployment]:
    """A deployment without workers, for drains in this process, on a Tablestore that can be broken."""
    with Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES) as deployment:
        yield deployment
