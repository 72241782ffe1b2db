"""AgentScope Runtime 1.0.5's own services on the tables that real workers write.

Runs in .venv-agentscope, inside devtools/run.py (see `make test`); elsewhere there is
nothing to collect. The workers' search index lags as the service's does.
"""

import importlib.util
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tablestore_memory.producer import Publisher

if importlib.util.find_spec("agentscope_runtime") is None:
    collect_ignore_glob = ["test_*.py"]

ADDRESSES = ("REDIS_URL", "TABLESTORE_ENDPOINT", "DASHSCOPE_HTTP_BASE_URL")


@pytest.fixture(scope="session", autouse=True)
def cloud() -> None:
    """The addresses of the local cloud. Fails every test when it is not there."""
    missing = [name for name in ADDRESSES if not os.environ.get(name)]
    if missing:
        pytest.fail(f"{', '.join(missing)} not set: run this by devtools/run.py")


@pytest.fixture(scope="session")
def publisher(cloud: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    journals = tmp_path_factory.mktemp("journals")
    with Publisher(journal_dir=str(journals)) as publisher:
        yield publisher


@pytest.fixture(scope="session")
def client(cloud: None) -> Callable[[], Any]:
    """Makes clients of the local Tablestore as AgentScope's programs do."""
    from agentscope_runtime.engine.services.utils.tablestore_service_utils import (
        create_tablestore_client,
    )

    def make() -> Any:
        return create_tablestore_client(
            end_point=os.environ["TABLESTORE_ENDPOINT"],
            instance_name=os.environ["TABLESTORE_INSTANCE_NAME"],
            access_key_id=os.environ["TABLESTORE_ACCESS_KEY_ID"],
            access_key_secret=os.environ["TABLESTORE_ACCESS_KEY_SECRET"],
        )

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_sessions(client: Callable[[], Any]) -> AsyncIterator[Any]:
    """AgentScope's own session history service."""
    from agentscope_runtime.engine.services.session_history import TablestoreSessionHistoryService

    async with TablestoreSessionHistoryService(client()) as service:
        yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_memories(client: Callable[[], Any]) -> AsyncIterator[Any]:
    """AgentScope's own memory service, searching by words."""
    from agentscope_runtime.engine.services.memory import TablestoreMemoryService

    async with TablestoreMemoryService(client()) as service:
        yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_vectors(client: Callable[[], Any]) -> AsyncIterator[Any]:
    """AgentScope's own memory service, searching by vectors."""
    from agentscope_runtime.engine.services.memory.tablestore_memory_service import (
        SearchStrategy,
        TablestoreMemoryService,
    )

    async with TablestoreMemoryService(client(), search_strategy=SearchStrategy.VECTOR) as service:
        yield service
