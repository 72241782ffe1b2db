"""Servers that the tests of failures may break."""

from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.servers import serving
from tests.failures.ingesting import SHARED_TABLES


@pytest.fixture(scope="session")
def faulty_tablestore_url() -> Iterator[str]:
    """A local Tablestore, in memory, whose faults are to be had."""
    with serving("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as url:
        yield url


@pytest.fixture(scope="session")
def _shared_tables(redis_url: str, faulty_tablestore_url: str, dashscope_url: str) -> None:
    """Made once: that takes two seconds."""
    with Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES):
        pass


@pytest.fixture
def undrained(
    redis_url: str, faulty_tablestore_url: str, dashscope_url: str, _shared_tables: None
) -> Deployment:
    """A deployment without workers, for drains in this process, on a Tablestore that can be broken."""
    return Deployment(redis_url, faulty_tablestore_url, dashscope_url, **SHARED_TABLES)
