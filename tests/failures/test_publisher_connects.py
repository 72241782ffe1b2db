"""Each kind of URL reaches its Redis: user and password, TLS, Sentinel, Cluster."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from devtools.servers import wait_until
from tablestore_memory.producer import Publisher
from tests.redis_nodes import Node, complete
from tests.tls import certificate_in, tls_in_front


@contextlib.contextmanager
def running(directory: Path, *options: str, config: str = "") -> Iterator[Node]:
    """A server of its own, with options that `localcloud redis` has no need for."""
    directory.mkdir()
    node = Node(directory, *options, config=config)
    try:
        yield node
    finally:
        node.kill()


def delivers(url: str, journal_dir: Path) -> bool:
    """Sessions enough for every partition, and all of them acknowledged."""
    with Publisher(url, journal_dir=str(journal_dir)) as publisher:
        for number in range(50):
            publisher.message(user_id="u1", session_id=f"s{number}", role="user", content="hi")
        return publisher.flush(20) and publisher.stats().acked == 50


def in_streams(node: Node) -> int:
    return sum(node.client.xlen(name) for name in node.client.scan_iter("memory:*"))


def test_user_and_password_of_the_url_are_used(tmp_path: Path) -> None:
    with running(tmp_path / "redis") as node:
        node.ask("ACL SETUSER agent on >p@ss ~memory:* +xadd +hset +expire +ping")
        url = f"redis://agent:p%40ss@127.0.0.1:{node.port}/0"

        assert delivers(url, tmp_path / "journal")
        assert in_streams(node) == 50


def test_cluster_gets_each_partition_at_its_slot(tmp_path: Path) -> None:
    with running(tmp_path / "redis", "--cluster-enabled", "yes") as node:
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: complete(node, 1), "the cluster is up")

        assert delivers(f"redis+cluster://127.0.0.1:{node.port}", tmp_path / "journal")
        assert in_streams(node) == 50


def test_socket_of_this_machine_is_a_way_too(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with running(tmp_path / "redis", config=f"unixsocket {path}\n") as node:
        assert delivers(f"unix://{path}", tmp_path / "journal")
        assert in_streams(node) == 50


def test_sentinel_names_the_master(tmp_path: Path) -> None:
    with running(tmp_path / "redis") as node:
        config = f"sentinel monitor mymaster 127.0.0.1 {node.port} 1\n"
        with running(tmp_path / "sentinel", "--sentinel", config=config) as sentinel:
            url = f"redis+sentinel://127.0.0.1:{sentinel.port}/mymaster/0"

            assert delivers(url, tmp_path / "journal")
            assert in_streams(node) == 50


def test_tls_is_spoken_and_the_certificate_checked(tmp_path: Path) -> None:
    certificate = certificate_in(tmp_path)
    with running(tmp_path / "redis") as node, tls_in_front(certificate, node.port) as port:
        trusting = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"

        assert delivers(trusting, tmp_path / "journal")
        assert in_streams(node) == 50
        with Publisher(f"rediss://127.0.0.1:{port}/0", journal_dir=str(tmp_path / "j2")) as wary:
            wary.message(user_id="u1", session_id="s1", role="user", content="hi")
            wait_until(lambda: "CERTIFICATE" in wary.stats().last_error.upper(), "it is refused")
            wary.close(0)
