"""A whole deployment for a test: settings of its own, tables made, worker processes that end with it.

with Deployment(redis_url, tablestore_url, dashscope_url) as place:
    place.start_workers()
    place.publish({"type": "message", …})
    place.wait()
"""

import os
import subprocess
import sys
import threading
import uuid
from collections import deque
from typing import Any, Self

from tablestore_memory.localcloud.lifetime import terminated_with_parent
from tablestore_memory.producer import Publisher
from tablestore_memory.worker.backlog import backlog
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.settings import Settings
from tablestore_memory.worker.stores.memories import Memory
from tablestore_memory.worker.stores.tables import create_all
from tests.servers import wait_until

READY_TIMEOUT_S = 60
END_TIMEOUT_S = 30


class WorkerProcess:
    """`celery -A tablestore_memory.worker.main worker -Q QUEUE`, running."""

    def __init__(
        self,
        queue: str,
        environment: dict[str, str],
        *,
        concurrency: int,
        app: str = "tablestore_memory.worker.main",
    ) -> None:
        self._output: deque[str] = deque(maxlen=2000)
        self._ready = threading.Event()
        name = f"{queue.replace(',', '-')}-{uuid.uuid4().hex[:8]}@%h"
        # In a session of its own: a test can end it and its children together, as a crash would.
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", app, "worker"),
                *("-Q", queue, "-c", str(concurrency), "-n", name),
                *("--without-gossip", "--without-mingle"),
            ],
            env=environment | {"REMAP_SIGTERM": "SIGQUIT"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=terminated_with_parent,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def output(self) -> str:
        """The last lines of its log."""
        return "".join(self._output)

    def wait_ready(self) -> None:
        assert self._ready.wait(READY_TIMEOUT_S), f"the worker did not get ready:\n{self.output}"
        assert self.process.poll() is None, f"the worker ended:\n{self.output}"

    def stop(self) -> int:
        """End it as a supervisor would; return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(END_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and its children at once, as a crash would."""
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            return
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._output.append(line)
            if " ready." in line:
                self._ready.set()
        self._ready.set()  # it ended: nothing more to wait for


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
            "MEMORY_EMBEDDING_DIMENSION": "256",
            "MEMORY_IDLE_S": "1",
            "MEMORY_LOG_FORMAT": "json",
            "NO_PROXY": "127.0.0.1,localhost",
            **variables,
        }
        self.settings = Settings.from_env(self.environment)
        self.services = Services(self.settings)
        self.workers: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        create_all(self.services.tablestore, self.services.names, self.settings.embedding_dimension)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    def start_workers(
        self, *queues: str, concurrency: int = 2, app: str = "tablestore_memory.worker.main"
    ) -> list[WorkerProcess]:
        """One worker process a queue (ingest and extract if none is named), ready."""
        environment = os.environ | self.environment
        started = [
            WorkerProcess(queue, environment, concurrency=concurrency, app=app)
            for queue in queues or ("ingest", "extract")
        ]
        self.workers += started
        for worker in started:
            worker.wait_ready()
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
            assert publisher.flush(30)

    def wait(self, timeout_s: float = 60) -> None:
        """Until all that was published is stored, extracted and searchable."""
        try:
            wait_until(self._idle, "everything stored, extracted and searchable", timeout_s)
        except AssertionError as error:
            logs = "\n".join(worker.output[-4000:] for worker in self.workers)
            raise AssertionError(f"{error}\n{logs}") from None

    def memories(self, user_id: str) -> list[Memory]:
        return self.services.memories.of_user(user_id)

    def texts(self, user_id: str) -> list[str]:
        """What is remembered about a user, in order."""
        return [memory.text for memory in self.memories(user_id)]

    def command(self, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run `memory-worker …` in this deployment."""
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from tablestore_memory.worker.cli import main; main()",
                *arguments,
            ],
            env=os.environ | self.environment,
            input=stdin,
            capture_output=True,
            timeout=120,
        )

    def _idle(self) -> bool:
        return backlog(self.services.redis, self.services.streams).left == 0
