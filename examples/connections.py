"""AgentScope's services for the examples: where they are, from the environment.

The last of the imports is the one that changes when an app moves over: with AgentScope's own classes
the examples run too, but do not find what they have just added.
"""

import logging
import os

# The SDKs log what they also raise, and much that is no trouble; here one line a trouble is enough.
logging.basicConfig(level=logging.CRITICAL)
logging.captureWarnings(True)

import tablestore  # noqa: E402
from agentscope_runtime.engine.services.utils.tablestore_service_utils import (  # noqa: E402
    create_tablestore_client,
)
from langchain_community.embeddings import DashScopeEmbeddings  # noqa: E402

from tablestore_memory.producer.agentscope import (  # noqa: E402
    SearchStrategy,
    TablestoreMemoryService,
    TablestoreSessionHistoryService,
)

# Whose vectors of 1536 floats AgentScope's table expects; the workers must use the same model.
EMBEDDING_MODEL = "text-embedding-v1"
_SETTINGS = ("REDIS_URL", "TABLESTORE_ENDPOINT", "TABLESTORE_INSTANCE_NAME", "DASHSCOPE_API_KEY")


def missing_settings() -> list[str]:
    """The variables that are needed and not set."""
    return [name for name in _SETTINGS if not os.environ.get(name)]


def session_history() -> TablestoreSessionHistoryService:
    """Sessions and their messages."""
    return TablestoreSessionHistoryService(_client())


def memory(strategy: SearchStrategy = SearchStrategy.VECTOR) -> TablestoreMemoryService:
    """What is remembered, searched by meaning."""
    embeddings = DashScopeEmbeddings(model=EMBEDDING_MODEL)
    return TablestoreMemoryService(_client(), search_strategy=strategy, embedding_model=embeddings)


def _client() -> tablestore.AsyncOTSClient:
    return create_tablestore_client(
        end_point=os.environ["TABLESTORE_ENDPOINT"],
        instance_name=os.environ["TABLESTORE_INSTANCE_NAME"],
        access_key_id=os.environ["TABLESTORE_ACCESS_KEY_ID"],
        access_key_secret=os.environ["TABLESTORE_ACCESS_KEY_SECRET"],
        # A person is waiting: say at once what is wrong instead of trying for a minute.
        retry_policy=tablestore.NoRetryPolicy(),
    )
