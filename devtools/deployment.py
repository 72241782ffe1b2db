"""A whole deployment: settings of its own, tables made, worker processes that end with it.

with Deployment(redis_url, tablestore_url, dashscope_url) as deployment:
    deployment.start_workers()
    deployment.publish({"type": "message", …})
    deployment.wait()
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from typing import Any, Self

from devtools.child import Child, PythonChild
from devtools.commands import memory_worker
from devtools.servers import PATIENCE_S, wait_until
from tablestore_memory.producer import Publisher
from tablestore_memory.worker.failures.errors import WorkerError
from tablestore_memory.worker.operations.backlog import backlog
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.tables import create_all

_LOG_SHOWN = 4_000  # characters of each worker's log, when waiting was in vain


_APP = "tablestore_memory.worker.main"
# Starts it anew whenever it ends, as a supervisor does; to be killed, as it does not stop.
_SUPERVISOR = ["sh", "-c", 'while :; do "$@"; done', "sh"]


def worker(
    queues: str,
    environment: Mapping[str, str],
    *,
    concurrency: int = 2,
    pool: str = "prefork",
    app: str = _APP,
    supervised: bool = False,
    options: Sequence[str] = (),
) -> Child:
    """`celery -A APP worker -Q QUEUES`, starting; all queues if none is named."""
    name = f"{queues.replace(',', '-') or 'worker'}-{uuid.uuid4().hex[:8]}"
    command = [
        *("celery", "-A", app, "worker"),
        *(("-Q", queues) if queues else ()),
        *("-P", pool, "-c", str(concurrency), "-n", f"{name}@%h"),
        *options,
    ]
    start: type[Child] = PythonChild
    if supervised:
        start, command = Child, [*_SUPERVISOR, sys.executable, "-m", *command]
    return start(
        name,
        command,
        ready=r" ready\.",
        environment={**environment, "REMAP_SIGTERM": "SIGQUIT"},
    )


class Deployment:
    """Prefix and tables that nobody else has, over servers that others may share."""

    def __init__(
        self, redis_url: str, tablestore_url: str, dashscope_url: str, **variables: str
    ) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        self.environment = {
            "REDIS_URL": redis_url,
            "MEMORY_PREFIX": name,
            "MEMORY_PARTITIONS": "4",
            "TABLESTORE_ENDPOINT": tablestore_url,
            "TABLESTORE_INSTANCE_NAME": "local",
            "TABLESTORE_ACCESS_KEY_ID": "local",
            "TABLESTORE_ACCESS_KEY_SECRET": "local",
            "DASHSCOPE_HTTP_BASE_URL": dashscope_url,
            "DASHSCOPE_API_KEY": "local",
            "MEMORY_SESSION_TABLE": f"{name}_session",
            "MEMORY_MESSAGE_TABLE": f"{name}_message",
            "MEMORY_MEMORY_TABLE": f"{name}_memory",
            "MEMORY_HISTORY_TABLE": f"{name}_history",
            # Rows by user and day keep apart; an instance has 64 tables at most.
            "MEMORY_COST_TABLE": "shared_cost",
            "MEMORY_AUDIT_TABLE": "shared_audit",
            "MEMORY_EMBEDDING_DIMENSION": "256",
            "MEMORY_IDLE_S": "1",
            # Whoever asks waits for all parts of an answer, however busy the machine is.
            "MEMORY_RECALL_DEADLINE_S": "10",
            "MEMORY_LOG_FORMAT": "json",
            "NO_PROXY": "127.0.0.1,localhost",
            **variables,
        }
        self.settings = Settings.from_env(self.environment)
        self.services = Services(self.settings)
        self.workers: list[Child] = []

    def __enter__(self) -> Self:
        """Make the tables, unless another deployment that shares them has: it takes two seconds."""
        client, names = self.services.tablestore, self.services.names
        if not set(astuple(names)) <= set(client.list_table()):
            create_all(
                client,
                names,
                self.settings.embedding_dimension,
                words_of_messages=self.settings.message_index,
            )
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.workers:
            each.kill()
        with suppress(WorkerError), translated("drop tables"):  # a server that is gone keeps none
            self._drop_own_tables()

    def _drop_own_tables(self) -> None:
        """An instance has 64 tables at most, indexes counted; those that others share stay."""
        client, names, own = self.services.tablestore, self.services.names, self.settings.prefix
        tables = [table for table in client.list_table() if table.startswith(f"{own}_")]
        for table, index in client.list_search_index():
            if table in tables:
                client.delete_search_index(table, index)
        indexes = {names.session_index: names.session, names.message_index: names.message}
        for index in indexes.keys() & set(tables):
            client.delete_secondary_index(indexes[index], index)
        for table in set(tables) - indexes.keys():
            client.delete_table(table)

    def start_workers(self, *queues: str, **options: Any) -> list[Child]:
        """One worker process a queue (ingest and extract if none is named), ready; options as `worker`'s."""
        started = [
            worker(queue, os.environ | self.environment, **options)
            for queue in queues or ("ingest", "extract")
        ]
        self.workers += started
        for each in started:
            each.wait_ready()
        return started

    def publisher(self) -> Publisher:
        return Publisher(
            self.environment["REDIS_URL"],
            prefix=self.settings.prefix,
            partitions=self.settings.partitions,
            durability="memory",
        )

    def publish(self, *drafts: dict[str, Any]) -> None:
        """Publish lines as `memory-worker publish` takes them, until Redis has them."""
        with self.publisher() as publisher:
            for draft in drafts:
                publisher.publish(draft)
            if not publisher.flush(30):
                raise AssertionError("Redis did not get all of it")

    def wait(self, timeout_s: float = PATIENCE_S) -> None:
        """Until all that was published is stored, extracted and searchable."""
        try:
            wait_until(self._idle, "everything stored, extracted and searchable", timeout_s)
        except AssertionError as error:
            logs = "\n".join(each.output[-_LOG_SHOWN:] for each in self.workers)
            raise AssertionError(f"{error}\n{logs}") from None

    def memories(self, user_id: str) -> list[Memory]:
        return self.services.memories.of_user(user_id)

    def texts(self, user_id: str) -> list[str]:
        """What is remembered about a user, in order."""
        return [memory.text for memory in self.memories(user_id)]

    def command(self, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run `memory-worker …` in this deployment."""
        return memory_worker(self.environment, *arguments, stdin=stdin)

    def _idle(self) -> bool:
        return backlog(self.services.redis, self.services.streams).left == 0
