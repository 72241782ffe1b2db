"""One deployment for all stories: real workers, a real Redis, and an index that lags 1–3 s."""

from collections.abc import Iterator

import pytest

from devtools.deployment import Deployment
from devtools.servers import Server


@pytest.fixture(scope="session")
def lagging_tablestore_url() -> Iterator[str]:
    """A local Tablestore whose search index lags as the real one does."""
    with Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as server:
        yield server.url


@pytest.fixture(scope="session")
def deployment(
    redis_url: str, lagging_tablestore_url: str, dashscope_url: str
) -> Iterator[Deployment]:
    """Workers running; tests keep apart by their users and sessions."""
    with Deployment(redis_url, lagging_tablestore_url, dashscope_url) as deployment:
        deployment.start_workers()
        yield deployment
