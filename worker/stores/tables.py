"""Which tables and indexes there are, and making them. Names and schemas are AgentScope Runtime 1.0.5's.

The session, message and memory tables are created through `tablestore-for-agent-memory`, as AgentScope
does, so that either side may come first. The history table is ours alone.
"""

from dataclasses import dataclass

import tablestore as ots
from tablestore_for_agent_memory.knowledge.knowledge_store import KnowledgeStore
from tablestore_for_agent_memory.memory.memory_store import MemoryStore
from urllib3.util import Retry

from tablestore_memory.worker.stores.errors import translated

SESSION_INDEX = "agentscope_runtime_session_secondary_index"
MESSAGE_INDEX = "agentscope_runtime_message_secondary_index"
MEMORY_INDEX = "agentscope_runtime_knowledge_search_index_name"

# Of a client; opened as needed, kept, and waited for when all are in use: as many as a pool may have threads.
_MOST_CONNECTIONS = 512


@dataclass(frozen=True)
class TableNames:
    session: str
    message: str
    memory: str
    history: str


def connect(
    endpoint: str,
    instance: str,
    key_id: str,
    key_secret: str,
    *,
    sts_token: str | None = None,
    region: str | None = None,
    timeout_s: float = 10,
) -> ots.OTSClient:
    """A blocking client that never retries by itself, so that a task sees trouble when it happens.

    The SDK's default policy sleeps through up to 20 retries inside the call, and urllib3 under it repeats
    a refused connection three times.
    """
    client = ots.OTSClient(
        endpoint,
        key_id,
        key_secret,
        instance,
        sts_token=sts_token,
        region=region,
        socket_timeout=timeout_s,
        max_connection=_MOST_CONNECTIONS,
        retry_policy=ots.NoRetryPolicy(),
    )
    client.connection.pool.connection_pool_kw["retries"] = Retry(0)
    return client


def memory_store(client: ots.OTSClient, names: TableNames) -> MemoryStore:
    """The session and message tables as the SDK for agent memory reads them."""
    return MemoryStore(
        client,
        session_table_name=names.session,
        session_secondary_index_name=SESSION_INDEX,
        message_table_name=names.message,
        message_secondary_index_name=MESSAGE_INDEX,
    )


def knowledge_store(client: ots.OTSClient, names: TableNames, dimension: int) -> KnowledgeStore:
    """The memory table as the SDK for agent memory reads it; vectors of `dimension` floats."""
    return KnowledgeStore(
        client,
        vector_dimension=dimension,
        table_name=names.memory,
        search_index_name=MEMORY_INDEX,
        search_index_schema=[
            ots.FieldSchema("user_id", ots.FieldType.KEYWORD),
            ots.FieldSchema("session_id", ots.FieldType.KEYWORD),
        ],
    )


def create_all(client: ots.OTSClient, names: TableNames, dimension: int) -> list[str]:
    """Make the tables and indexes that are missing; returns the names of the tables made."""
    with translated("init"):
        before = set(client.list_table())
        memory_store(client, names).init_table()
        knowledge_store(client, names, dimension).init_table()
        if names.history not in before:
            _create_history(client, names.history)
    wanted = (names.session, names.message, names.memory, names.history)
    return [name for name in wanted if name not in before]


def _create_history(client: ots.OTSClient, name: str) -> None:
    key = [("user_id", "STRING"), ("replaced_at", "INTEGER"), ("document_id", "STRING")]
    client.create_table(
        ots.TableMeta(name, key), ots.TableOptions(), ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    )
