"""Which tables and indexes there are, and making them. Names and schemas are AgentScope Runtime 1.0.5's.

The session, message and memory tables are created through `tablestore-for-agent-memory`, as AgentScope
does, so that either side may come first. The tables of history, costs and audit are ours alone. What each
must be, and how one that stands already may differ, is in `schema.py`.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import tablestore as ots
from urllib3.util import Retry

from tablestore_memory.worker.failures.errors import WrongSchema
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.message_index import MESSAGE_INDEX, message_index
from tablestore_memory.worker.stores.schema import TableSchema, differing, differing_vectors

if TYPE_CHECKING:  # who only reads rows needs neither it nor the packages under it
    from tablestore_for_agent_memory.knowledge.knowledge_store import KnowledgeStore
    from tablestore_for_agent_memory.memory.memory_store import MemoryStore

MEMORY_INDEX = "agentscope_runtime_knowledge_search_index_name"
"""A search index belongs to its table, so that all memory tables may have one of this name. AgentScope's services
look for it by this name, whatever the table is called."""
_COST_KEY = (("scope", "STRING"), ("day", "STRING"), ("user_id", "STRING"))
_AUDIT_KEY = (("day", "STRING"), ("at", "INTEGER"), ("deed_id", "STRING"))
_FOR_EVER = -1
_DAY_S = 86_400
_HISTORY_KEY = (("user_id", "STRING"), ("replaced_at", "INTEGER"), ("document_id", "STRING"))

# Of a client; opened as needed, kept, and waited for when all are in use: as many as a pool may have threads.
_MOST_CONNECTIONS = 512

_SDK_LOG = "tablestore_memory.tablestore"


@dataclass(frozen=True)
class TableNames:
    session: str
    message: str
    memory: str
    history: str
    cost: str = "agentscope_runtime_memory_cost"
    audit: str = "agentscope_runtime_memory_audit"

    @property
    def session_index(self) -> str:
        """A secondary index is itself a table of the instance, so it is named after the one it belongs to. That
        gives AgentScope's names for AgentScope's default tables."""
        return f"{self.session}_secondary_index"

    @property
    def message_index(self) -> str:
        """See `session_index`."""
        return f"{self.message}_secondary_index"


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
    a refused connection three times. Nor does it log: the SDK's lines have signatures, tokens and what users said,
    and unless its logger has a level they are made even if nobody wants them.
    """
    logging.getLogger(_SDK_LOG).setLevel(logging.CRITICAL)
    client = ots.OTSClient(
        endpoint,
        key_id,
        key_secret,
        instance,
        sts_token=sts_token,
        region=region,
        socket_timeout=timeout_s,
        max_connection=_MOST_CONNECTIONS,
        logger_name=_SDK_LOG,
        retry_policy=ots.NoRetryPolicy(),
    )
    client.connection.pool.connection_pool_kw["retries"] = Retry(0)
    return client


def memory_store(client: ots.OTSClient, names: TableNames) -> "MemoryStore":
    """The session and message tables as the SDK for agent memory reads them."""
    from tablestore_for_agent_memory.memory.memory_store import MemoryStore

    return MemoryStore(
        client,
        session_table_name=names.session,
        session_secondary_index_name=names.session_index,
        message_table_name=names.message,
        message_secondary_index_name=names.message_index,
    )


def knowledge_store(client: ots.OTSClient, names: TableNames, dimension: int) -> "KnowledgeStore":
    """The memory table as the SDK for agent memory reads it; vectors of `dimension` floats."""
    from tablestore_for_agent_memory.knowledge.knowledge_store import KnowledgeStore

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


def create_all(
    client: ots.OTSClient,
    names: TableNames,
    dimension: int,
    *,
    words_of_messages: bool = True,
    cost_days: int = 400,
    audit_days: int = 400,
) -> list[str]:
    """Make the tables and indexes that are missing; returns the names of the tables made.

    Without `words_of_messages` no search index of messages is made. Rows of costs and of the audit live for so
    many days, as it was said when their table was made. May be repeated wherever it was cut off.
    Raises WrongSchema, having made nothing, if one that stands already is another than it must be.
    """
    with translated("init"):
        before = set(client.list_table())
        if differences := list(_differences(client, names, dimension, before)):
            raise WrongSchema("; ".join(differences))
        memory_store(client, names).init_table()
        knowledge_store(client, names, dimension).init_table()
        for name, key, ttl_s in (
            (names.history, _HISTORY_KEY, _FOR_EVER),
            (names.cost, _COST_KEY, cost_days * _DAY_S),
            (names.audit, _AUDIT_KEY, audit_days * _DAY_S),
        ):
            if name not in before:
                _create(client, name, key, ttl_s)
        if words_of_messages:
            _create_message_index(client, names.message)
    wanted = astuple(names)
    return [name for name in wanted if name not in before]


def _differences(
    client: ots.OTSClient, names: TableNames, dimension: int, standing: Collection[str]
) -> Iterator[str]:
    for schema in _schemas(names):
        yield from differing(client, schema, standing)
    if names.memory in standing:
        yield from differing_vectors(client, names.memory, MEMORY_INDEX, "embedding", dimension)


def _schemas(names: TableNames) -> tuple[TableSchema, ...]:
    return (
        TableSchema(
            names.session,
            key=(("user_id", "STRING"), ("session_id", "STRING")),
            declared=("update_time",),
            index=names.session_index,
            index_key=("user_id", "update_time", "session_id"),
        ),
        TableSchema(
            names.message,
            key=(("session_id", "STRING"), ("create_time", "INTEGER"), ("message_id", "STRING")),
            index=names.message_index,
            index_key=("session_id", "message_id", "create_time"),
        ),
        TableSchema(names.memory, key=(("document_id", "STRING"), ("tenant_id", "STRING"))),
        TableSchema(names.history, key=_HISTORY_KEY),
        TableSchema(names.cost, key=_COST_KEY),
        TableSchema(names.audit, key=_AUDIT_KEY),
    )


def _create(client: ots.OTSClient, name: str, key: Sequence[tuple[str, str]], ttl_s: int) -> None:
    client.create_table(
        ots.TableMeta(name, list(key)),
        ots.TableOptions(time_to_live=ttl_s),
        ots.ReservedThroughput(ots.CapacityUnit(0, 0)),
    )


def _create_message_index(client: ots.OTSClient, table: str) -> None:
    if MESSAGE_INDEX not in {name for _, name in client.list_search_index(table)}:
        client.create_search_index(table, MESSAGE_INDEX, message_index())
