"""Local servers shared by all tests, and names that keep tests apart.

A server that does not start fails every test that asks for it; nothing is skipped.
"""

import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from devtools.child import FORKED
from devtools.servers import serving

if TYPE_CHECKING:
    from devtools.deployment import Deployment
    from tests.local_dashscope import LocalDashScope

# A run started in the background ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The SDKs would send even loopback requests to a proxy of the environment.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

# Their imports would cost more than all that the tests do with them.
os.environ[FORKED] = "1"


@pytest.fixture(scope="session", autouse=True)
def temporary_folder() -> Iterator[None]:
    """Goes with all that programs leave in it which are killed. Its path is short: sockets are made there, too."""
    with (
        tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis. Keep to keys under `fresh_name`, or take `empty_redis_url`."""
    directory: Path = tmp_path_factory.mktemp("redis")
    with serving("redis", "--dir", str(directory), "--appendonly", "no") as url:
        yield url


@pytest.fixture
def empty_redis_url(redis_url: str) -> Iterator[str]:
    """The shared Redis with nothing in it."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    yield redis_url


@pytest.fixture(scope="session")
def tablestore_url() -> Iterator[str]:
    """A local Tablestore, in memory, whose index does not lag. Prefix tables by `fresh_name`."""
    with serving("tablestore", "--data", ":memory:", "--index-lag", "0") as url:
        yield url


@pytest.fixture(scope="session")
def dashscope_url() -> Iterator[str]:
    """A local DashScope, ending in /api/v1, with its faults to be had."""
    with serving("dashscope", "--faults") as url:
        yield url


@pytest.fixture
def local_dashscope(dashscope_url: str) -> Iterator["LocalDashScope"]:
    """The shared DashScope through its SDK, with its counts at zero. No fault outlives the test."""
    from tests.local_dashscope import LocalDashScope  # two seconds that few tests need

    local = LocalDashScope(dashscope_url)
    local.reset()
    yield local
    local.reset()


@pytest.fixture
def fresh_name() -> str:
    """A name that no other test has, good for a table, a user, a session or a key prefix."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def lagging_tablestore_url() -> Iterator[str]:
    """A local Tablestore whose search index lags as the real one does."""
    with serving("tablestore", "--data", ":memory:", "--index-lag", "1-3") as url:
        yield url


@pytest.fixture(scope="session")
def deployment(
    redis_url: str, lagging_tablestore_url: str, dashscope_url: str
) -> Iterator["Deployment"]:
    """Workers running; tests keep apart by their users and sessions."""
    from devtools.deployment import (
        Deployment,
    )  # needs the worker, which is not in every environment

    with Deployment(redis_url, lagging_tablestore_url, dashscope_url) as deployment:
        deployment.start_workers()
        yield deployment
