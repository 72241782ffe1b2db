"""Whatever Redis does: accepted = in the streams + still in the journal + counted as dropped."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from msgspec import structs

from devtools.servers import Server, wait_until
from tablestore_memory.producer import Publisher
from tablestore_memory.producer.clock import Clock
from tablestore_memory.producer.counters import Stats
from tablestore_memory.producer.records import SegmentReader, packed
from tests.failures.publishing import Place
from tests.redis_nodes import Node

COUNT = 1500  # three batches


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server.start("redis", "--dir", str(tmp_path / "redis")) as server:
        yield server


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Place:
    return Place(server.url, "memory", tmp_path / "journal")


@pytest.fixture(params=["journal", "memory"])
def durability(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def publisher_at(place: Place, durability: str, url: str = "") -> Iterator[Publisher]:
    publisher = Publisher(
        url or place.redis_url,
        prefix=place.prefix,
        partitions=place.partitions,
        journal_dir=str(place.journal_dir),
        durability=durability,  # type: ignore[arg-type]
    )
    try:
        yield publisher
    finally:
        publisher.close(0)


def publish(publisher: Publisher, first: int = 0, count: int = COUNT) -> set[str]:
    return {
        publisher.message(
            user_id="u1",
            session_id=f"s{number % 5}",
            role="user",
            content=f"message {number}",
            event_id=f"e{number}",
        )
        for number in range(first, first + count)
    }


def failing(publisher: Publisher) -> Callable[[], str]:
    return lambda: publisher.stats().last_error


def assert_all_delivered_in_order(place: Place, accepted: set[str], stats: Stats) -> None:
    assert set(place.in_streams()) == accepted
    assert (stats.accepted, stats.acked, stats.pending) == (len(accepted), len(accepted), 0)
    for session in place.messages_in_order().values():
        assert session == sorted(session, key=lambda event_id: int(event_id[1:]))


def test_redis_down_at_start_gets_all_once_it_is_up(
    place: Place, server: Server, durability: str
) -> None:
    server.stop()
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher)
        wait_until(failing(publisher), "the publisher notices")

        server.restart()

        assert publisher.flush(20)
        assert_all_delivered_in_order(place, accepted, publisher.stats())


def test_redis_killed_and_restarted_from_its_log_gets_all(
    place: Place, server: Server, durability: str
) -> None:
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher)
        assert publisher.flush(20)
        server.kill()
        accepted |= publish(publisher, COUNT)
        wait_until(failing(publisher), "the publisher notices")

        server.restart()

        assert publisher.flush(20)
        assert_all_delivered_in_order(place, accepted, publisher.stats())


def test_hung_redis_gets_all_when_it_goes_on(place: Place, durability: str) -> None:
    with redis.Redis.from_url(place.redis_url) as client:
        process_id = int(client.info("server")["process_id"])
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher, count=10)
        assert publisher.flush(20)
        os.kill(process_id, signal.SIGSTOP)
        try:
            accepted |= publish(publisher, 10)
            wait_until(failing(publisher), "the publisher gives up waiting")
        finally:
            os.kill(process_id, signal.SIGCONT)

        assert publisher.flush(20)
        assert set(place.in_streams()) == accepted
        assert publisher.stats().pending == 0


BREAKS: dict[str, tuple[Callable[[redis.Redis], object], Callable[[redis.Redis], object]]] = {
    "full": (
        lambda client: client.config_set("maxmemory", 1),
        lambda client: client.config_set("maxmemory", 0),
    ),
    "read_only_replica": (
        lambda client: client.replicaof("127.0.0.1", 1),
        lambda client: client.replicaof("NO", "ONE"),
    ),
    "wrong_password": (
        lambda client: client.config_set("requirepass", "changed"),
        lambda client: client.config_set("requirepass", ""),
    ),
    "no_permission": (
        lambda client: client.acl_setuser("default", enabled=True, commands=["-xadd"]),
        lambda client: client.acl_setuser("default", enabled=True, commands=["+xadd"]),
    ),
    "cannot_persist": (
        # NOREPLICAS, refused as a whole like MISCONF
        lambda client: client.config_set("min-replicas-to-write", 1),
        lambda client: client.config_set("min-replicas-to-write", 0),
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_refusing_redis_gets_all_once_it_accepts(place: Place, durability: str, fault: str) -> None:
    break_it, mend_it = BREAKS[fault]
    with (
        redis.Redis.from_url(place.redis_url) as client,
        publisher_at(place, durability) as publisher,
    ):
        client.ping()  # this connection stays in, also when the password changes
        break_it(client)
        accepted = publish(publisher)
        wait_until(failing(publisher), "the publisher notices")
        in_between = publisher.stats()

        mend_it(client)

        assert in_between.accepted == in_between.acked + in_between.pending
        assert publisher.flush(20)
        assert set(place.in_streams()) == accepted
        assert publisher.stats().pending == 0


def test_lost_replies_repeat_events_under_their_ids_only(place: Place, durability: str) -> None:
    with (
        _DroppingProxy(place.redis_url, replies_to_drop=2) as proxy,
        publisher_at(place, durability, proxy.url) as publisher,
    ):
        accepted = publish(publisher)

        delivered = publisher.flush(30)

    counts = place.in_streams()
    assert delivered
    assert proxy.dropped == 2
    assert set(counts) == accepted
    assert sum(counts.values()) > len(accepted)  # the fault did happen


def test_closing_without_redis_keeps_all_for_the_next_process(
    place: Place, server: Server, durability: str
) -> None:
    server.stop()
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher)

    stats = publisher.stats()
    left = place.in_journals()
    server.restart()

    again = place.run("replay")

    assert left == accepted
    assert (stats.accepted, stats.pending, stats.dropped) == (COUNT, COUNT, {})
    assert again.returncode == 0
    assert set(place.in_streams()) == accepted | {"again-0"}
    assert place.in_journals() == set()


def test_closing_keeps_the_only_batch_which_is_on_its_way(
    place: Place, server: Server, durability: str
) -> None:
    server.stop()
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher, count=1)
        wait_until(failing(publisher), "it is on its way")

    assert place.in_journals() == accepted


def test_closing_while_redis_hangs_keeps_what_it_has_not_acknowledged(
    place: Place, durability: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with publisher_at(place, durability, url) as publisher:
            accepted = publish(publisher)
            wait_until(lambda: publisher.stats().oldest_age_s, "a batch is on its way")
            before = [t for t in threading.enumerate() if t.name == "memory-publisher"]

            delivered = publisher.close(0.01)

    wait_until(lambda: not any(t.is_alive() for t in before), "the sender gives up")
    assert not delivered
    assert place.in_journals() == accepted
    assert publisher.stats().pending == COUNT


def test_event_that_redis_refuses_for_good_is_set_aside_and_the_rest_goes_on(
    place: Place, durability: str
) -> None:
    told: list[str] = []
    with (
        redis.Redis.from_url(place.redis_url) as client,
        Publisher(
            place.redis_url,
            journal_dir=str(place.journal_dir),
            durability=durability,  # type: ignore[arg-type]
            partitions=4,
            on_drop=lambda event, reason: told.append(f"{event.event_id} {reason}"),  # type: ignore[union-attr]
        ) as publisher,
    ):
        client.set("memory:{0}:events", "not a stream")
        accepted = publish(publisher, count=100)

        assert publisher.flush(20)
        stats = publisher.stats()
        client.delete("memory:{0}:events")

    delivered = set(place.in_streams())
    letters = next(place.journal_dir.rglob("dead-letters.jsonl")).read_text()
    assert stats.accepted == stats.acked + stats.dropped["rejected"]
    assert 0 < len(delivered) < 100
    assert {line.split()[0] for line in told} == accepted - delivered
    assert "WRONGTYPE" in letters
    assert letters.count("\n") == stats.dropped["rejected"]


def test_event_says_how_long_it_waited_for_redis_also_over_processes(
    place: Place, server: Server
) -> None:
    server.stop()
    with publisher_at(place, "journal") as publisher:
        accepted = publish(publisher, count=10)
    hour_ago = Clock().now_us() - 3_600_000_000
    path = next(place.journal_dir.rglob("*.journal"))
    reader = SegmentReader(path)
    left = reader.take(100, 10**6, complete=True)
    older = b"".join(packed(structs.replace(one, accepted_us=hour_ago)) for one in left)
    path.write_bytes(path.read_bytes()[:16] + older)

    server.restart()
    place.run("replay")

    waited = place.waited_ms()
    assert waited.pop("again-0") is None
    assert set(waited) == accepted
    assert all(ms is not None and 3_600_000 <= ms < 3_700_000 for ms in waited.values())


def test_damaged_journal_of_a_gone_process_stops_nobody(place: Place, server: Server) -> None:
    server.stop()
    for first in (0, 100, 200):
        with publisher_at(place, "journal") as publisher:
            publish(publisher, first, 100)
    head, middle, _ = sorted(place.journal_dir.rglob("*.journal"))
    head.write_bytes(b"\xff" * 16 + head.read_bytes()[16:])
    data = middle.read_bytes()
    middle.write_bytes(data[:200] + b"\0" + data[201:])
    server.restart()

    with publisher_at(place, "journal") as publisher:
        publish(publisher, 300, 100)
        assert publisher.flush(20)
        wait_until(lambda: len(place.in_streams()) == 399, "all but the damaged one arrive")
        wait_until(lambda: publisher.stats().journal_damaged == 2, "the damage is counted")
        alive = [t for t in threading.enumerate() if t.name == "memory-publisher"]

    assert len(alive) == 1
    assert len([*place.journal_dir.rglob("damaged/*.journal")]) == 2


def test_proxy_that_is_confused_for_a_while_gets_all_once_it_is_not(
    tmp_path: Path, durability: str
) -> None:
    confused = Node(tmp_path, config='rename-command XADD ""\n')
    place = Place(f"redis://127.0.0.1:{confused.port}/0", "memory", tmp_path / "journal")
    with publisher_at(place, durability) as publisher:
        accepted = publish(publisher)
        wait_until(failing(publisher), "the publisher notices")
        in_between = publisher.stats()
        confused.kill()
        mended = Server("redis", "--dir", str(tmp_path))
        mended.url = place.redis_url
        mended.restart()

        with mended:
            assert publisher.flush(20)
            assert_all_delivered_in_order(place, accepted, publisher.stats())

    assert in_between.dropped == {}
    assert "unknown command" in in_between.last_error


def test_number_of_dropped_events_reaches_redis(place: Place, server: Server) -> None:
    server.stop()
    with Publisher(
        place.redis_url,
        durability="memory",
        journal_dir=os.devnull,  # no disk to spill to
        queue_events=10,
    ) as publisher:
        publish(publisher, count=100)
        wait_until(failing(publisher), "the publisher notices")
        server.restart()
        assert publisher.flush(20)
        dropped = publisher.stats().dropped["queue_full"]

        with redis.Redis.from_url(place.redis_url) as client:
            told = wait_until(lambda: client.hgetall("memory:dropped"), "the operator is told")

    assert dropped > 0
    assert list(told.values()) == [str(dropped).encode()]


class _DroppingProxy:
    """Hands everything to Redis, and closes the connection instead of passing on some replies."""

    def __init__(self, redis_url: str, *, replies_to_drop: int) -> None:
        self._target = ("127.0.0.1", int(redis_url.rsplit(":", 1)[1].split("/")[0]))
        self._left = replies_to_drop
        self.dropped = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> "_DroppingProxy":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                saw_events = threading.Event()
                threading.Thread(
                    target=self._forward, args=(client, server, saw_events), daemon=True
                ).start()
                threading.Thread(
                    target=self._reply, args=(server, client, saw_events), daemon=True
                ).start()

    def _forward(
        self, client: socket.socket, server: socket.socket, saw_events: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if b"XADD" in data:
                    saw_events.set()
                server.sendall(data)

    def _reply(
        self, server: socket.socket, client: socket.socket, saw_events: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if saw_events.is_set() and self._left > 0:
                    self._left -= 1
                    self.dropped += 1
                    # The rest of the batch gets to Redis; none of its replies gets back.
                    client.shutdown(socket.SHUT_WR)
                    while server.recv(65536):
                        pass
                    return
                client.sendall(data)
