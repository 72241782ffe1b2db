"""Real Redis servers in company: a cluster of three, or a primary with a replica under three sentinels.

On loopback, from the binary that `python -m tablestore_memory.localcloud redis` serves; they end with the test.
"""

import random
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from devtools.servers import wait_until
from tablestore_memory.localcloud.lifetime import killed_with_parent
from tablestore_memory.localcloud.redis import _binary

_SLOTS = 16_384
_SERVICE = "events"


class Node:
    """One server process."""

    def __init__(self, directory: str | Path, *options: str, config: str = "") -> None:
        self._directory = Path(directory)
        self._start(options, config)

    def _start(self, options: tuple[str, ...], config: str) -> None:
        """It ends at once if somebody took the free port first: then with another one."""
        self.port = _free_port()
        path = self._directory / f"{self.port}.conf"
        path.write_text(config)
        self.process = subprocess.Popen(
            [
                *(str(_binary()), str(path), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._directory), "--loglevel", "warning", *options),
            ],
            stdout=subprocess.DEVNULL,
            preexec_fn=killed_with_parent,
        )
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)
        wait_until(self._ended_or_answers, f"the server at {self.port} answering")
        if self.process.poll() is not None:
            self._start(options, config)

    def ask(self, *words: str | int) -> Any:
        return self.client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's gap

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()

    def _ended_or_answers(self) -> bool:
        try:
            return self.process.poll() is not None or bool(self.client.ping())
        except redis.RedisError:
            return False


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a Redis Cluster of three nodes."""
    with tempfile.TemporaryDirectory() as directory:
        nodes = [_cluster_node(directory, number) for number in range(3)]
        try:
            _join(nodes)
            yield "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        finally:
            for node in nodes:
                node.kill()


def _cluster_node(directory: str, number: int) -> Node:
    return Node(
        directory,
        *("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{number}.conf"),
        *("--cluster-node-timeout", "2000", "--save", "", "--appendonly", "no"),
    )


def _join(nodes: list[Node]) -> None:
    share = _SLOTS // len(nodes) + 1
    for number, node in enumerate(nodes):
        last = min(_SLOTS, (number + 1) * share) - 1
        node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
    wait_until(lambda: all(complete(node, len(nodes)) for node in nodes), "the cluster complete")


def complete(node: Node, nodes: int) -> bool:
    """The node knows a cluster of so many, and every slot has its node."""
    said = str(node.ask("CLUSTER", "INFO"))
    known = f"cluster_known_nodes:{nodes}" in said or f"'cluster_known_nodes': '{nodes}'" in said
    return known and ("cluster_state:ok" in said or "'cluster_state': 'ok'" in said)


class Watched:
    """A primary with one replica, watched by three sentinels."""

    def __init__(self, directory: str) -> None:
        self.primary = Node(directory, "--appendonly", "no", "--save", "")
        self.replica = Node(
            directory,
            *("--appendonly", "no", "--save", "", "--repl-diskless-sync-delay", "0"),
            *("--replicaof", "127.0.0.1", str(self.primary.port)),
        )
        wait_until(self._replicating, "the replica following")
        config = (
            f"sentinel monitor {_SERVICE} 127.0.0.1 {self.primary.port} 2\n"
            f"sentinel down-after-milliseconds {_SERVICE} 1000\n"
            f"sentinel failover-timeout {_SERVICE} 3000\n"
        )
        self.sentinels = [Node(directory, "--sentinel", config=config) for _ in range(3)]
        wait_until(self._watched, "the sentinels knowing each other")

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.sentinels)
        return f"redis+sentinel://{places}/{_SERVICE}/0"

    def wait_replicated(self) -> None:
        """Until the replica has all that was written by now, by whomever."""
        # WAIT knows the writes of its own connection alone.
        written = self._replication()["master_repl_offset"]
        wait_until(lambda: self._replication()["slave0"]["offset"] >= written, "it is replicated")

    def promoted(self) -> bool:
        return bool(self.replica.client.role()[0] == "master")

    def end(self) -> None:
        for node in (*self.sentinels, self.replica, self.primary):
            node.kill()

    def _replication(self) -> Any:
        return self.primary.client.info("replication")

    def _replicating(self) -> bool:
        return self.replica.client.info("replication").get("master_link_status") == "up"

    def _watched(self) -> bool:
        found = [node.client.info("sentinel")["master0"] for node in self.sentinels]
        return all(about["sentinels"] == 3 and about["slaves"] == 1 for about in found)


@contextmanager
def watched_by_sentinels() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory() as directory:
        watched = Watched(directory)
        try:
            yield watched
        finally:
            watched.end()


def _free_port() -> int:
    """A port whose neighbour 10,000 above is free too, for a cluster's own bus.

    Both lie below the ports that the kernel gives to connections, which come and go.
    """
    while True:
        port = random.randint(10_000, 22_000)
        with socket.socket() as probe, socket.socket() as bus:
            try:
                probe.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
