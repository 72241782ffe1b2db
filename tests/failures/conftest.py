"""Servers that the tests of failures may break."""

from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.servers import Server, serving
from tests.failures.extraction_kills import NO_LIMITS
from tests.failures.ingesting import idle_deployment


@pytest.fixture(scope="session")
def faulty_tablestore_url() -> Iterator[str]:
    """A local Tablestore, in memory, whose faults are to be had."""
    with serving("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as url:
        yield url


@pytest.fixture
def undrained(redis_url: str, faulty_tablestore_url: str, dashscope_url: str) -> Deployment:
    """A deployment without workers, for drains in this process, on a Tablestore that can be broken."""
    return idle_deployment(redis_url, faulty_tablestore_url, dashscope_url)


@pytest.fixture(scope="module")
def shared(redis_url: str, dashscope_url: str) -> Iterator[Deployment]:
    """One for a module, without workers, on a Tablestore of its own; Qwen may be asked as often as one likes."""
    with (
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Deployment(redis_url, tablestore.url, dashscope_url, **NO_LIMITS) as deployment,
    ):
        yield deployment
