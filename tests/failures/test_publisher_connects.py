"""Each kind of URL reaches its Redis: user and password, TLS, Sentinel, Cluster."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devtools.servers import wait_until
from tablestore_memory.producer import Publisher
from tests.redis_nodes import Node, complete


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
    certificate = _certificate(tmp_path)
    with running(tmp_path / "redis") as node, _tls_in_front(certificate, node.port) as port:
        trusting = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"

        assert delivers(trusting, tmp_path / "journal")
        assert in_streams(node) == 50
        with Publisher(f"rediss://127.0.0.1:{port}/0", journal_dir=str(tmp_path / "j2")) as wary:
            wary.message(user_id="u1", session_id="s1", role="user", content="hi")
            wait_until(lambda: "CERTIFICATE" in wary.stats().last_error.upper(), "it is refused")
            wary.close(0)


def _certificate(directory: Path) -> Path:
    """Self-signed for 127.0.0.1, key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextlib.contextmanager
def _tls_in_front(certificate: Path, target: int) -> Iterator[int]:
    """Ends TLS and hands on to a server without it: the bundled one is built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    secured = context.wrap_socket(plain, server_side=True)
                    server = socket.create_connection(("127.0.0.1", target))
                    for pair in ((secured, server), (server, secured)):
                        threading.Thread(target=_copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
