"""The connections of one process. Nothing is asked when they are made, and none of them waits long."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from tablestore_memory.recall.dashscope import DashScope, Hear, unheard
from tablestore_memory.recall.embedding import EmbeddingCache
from tablestore_memory.recall.settings import RecallSettings
from tablestore_memory.worker.state.connection import connect_redis
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.stores.history import History
from tablestore_memory.worker.stores.memories import Memories
from tablestore_memory.worker.stores.memory_search import MemorySearch
from tablestore_memory.worker.stores.rows import OWNER, UTC_OFFSET
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.tables import TableNames, connect

_THREADS = 64
"""About six parts of a recall are asked at the same time: ten recalls before one waits for another's answers."""
_LEAST_TIMEOUT_S = 1.0
# What facts and turns are ranked and told by; their rows have twice as many.
_OF_A_FACT = (
    *(OWNER, "text", "session_id", "kind", "valid_from", "stated_at"),
    *("event_start", "event_end", "sources"),
)
_OF_A_TURN = (OWNER, "content", "content_list", "type", "role", "metadata", UTC_OFFSET)


class Clients:
    """To be made in the process that uses them: threads and sockets are not for two."""

    def __init__(self, settings: RecallSettings, hear: Hear = unheard) -> None:
        self.pid = os.getpid()
        self.settings = settings
        self.hear = hear
        # A request that outlives its recall holds a thread no longer than this.
        self._timeout_s = max(_LEAST_TIMEOUT_S, settings.deadline_s)
        self.names = TableNames(
            settings.session_table,
            settings.message_table,
            settings.memory_table,
            settings.history_table,
        )
        self.tablestore = connect(
            settings.tablestore_endpoint,
            settings.tablestore_instance,
            settings.tablestore_key_id,
            settings.tablestore_key_secret,
            sts_token=settings.tablestore_sts_token,
            region=settings.tablestore_region,
            timeout_s=self._timeout_s,
        )
        tenant = settings.tenant
        self.search = MemorySearch(self.tablestore, self.names.memory, tenant, _OF_A_FACT)
        self.memories = Memories(self.tablestore, self.names, tenant)
        self.history = History(self.tablestore, self.names, tenant)
        self.sessions = Sessions(self.tablestore, self.names)
        self.turns = Sessions(self.tablestore, self.names, _OF_A_TURN)
        self.dashscope = (
            DashScope(settings.dashscope_url, settings.dashscope_api_key, hear)
            if settings.dashscope_api_key
            else None
        )
        self.embeddings = EmbeddingCache()
        self._redis: Redis | None = None
        self._connecting = threading.Lock()
        self.keys = Keys(state_streams(settings.prefix))
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="recall")
        self.closed = False

    def redis(self, url: str) -> Redis:
        """Made on first use, as a cluster is asked for its nodes then."""
        with self._connecting:
            if self._redis is None:
                self._redis = connect_redis(
                    url, socket_timeout_s=self._timeout_s, connect_timeout_s=self._timeout_s
                )
            return self._redis

    def close(self) -> None:
        """End the threads when they are done, and the connections."""
        self.closed = True
        self.executor.shutdown(wait=False, cancel_futures=True)
        if self._redis is not None:
            self._redis.close()
