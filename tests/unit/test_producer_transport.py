"""What stands in the stream, and which refusals are for good: against a real Redis."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from devtools.servers import Server, wait_until
from tablestore_memory.producer import Publisher
from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.connection import connect
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.transport import RedisTransport
from tablestore_memory.protocol.events import Forget, SessionEnd, encode
from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.operations.backlog import held_by_publishers
from tests.redis_nodes import Node

NOW_US = 1_700_000_000_000_000
LOG = RateLimitedLog(logging.getLogger("test"))


def transport(url: str, prefix: str) -> RedisTransport:
    return RedisTransport(lambda: connect(url), Streams(prefix, 2), now_us=lambda: NOW_US, log=LOG)


def entries(url: str, prefix: str, partition: int = 0) -> list[dict[bytes, bytes]]:
    with redis.Redis.from_url(url) as client:
        return [fields for _, fields in client.xrange(Streams(prefix).events(partition))]


@pytest.mark.parametrize(
    ("waited_us", "field"),
    [
        (0, {}),
        (999_999, {}),
        (1_000_000, {b"waited_ms": b"1000"}),
        (86_400_000_123, {b"waited_ms": b"86400000"}),
        (-5_000_000, {}),  # accepted before the clock was set back
    ],
)
def test_event_that_waited_says_how_long(
    redis_url: str, fresh_name: str, waited_us: int, field: dict[bytes, bytes]
) -> None:
    outcome = transport(redis_url, fresh_name).append([Record(0, NOW_US - waited_us, b"{}")])

    assert outcome.appended == 1
    assert entries(redis_url, fresh_name) == [{b"event": b"{}", **field}]


def test_what_follows_a_forget_is_received_in_a_later_millisecond(
    redis_url: str, fresh_name: str
) -> None:
    """Else it would be forgotten, too. Within one batch, and from one to the next."""
    forget = Forget(event_id="f", user_id="ana", session_id="s", created_at=1)
    said = SessionEnd(event_id="e", user_id="ana", session_id="s", created_at=2)
    before, asked, after = (Record(0, NOW_US, encode(each)) for each in (said, forget, said))
    sending = transport(redis_url, fresh_name)

    outcomes = [sending.append([before, asked, after, asked]), sending.append([after])]

    assert [each.appended for each in outcomes] == [4, 1]
    with redis.Redis.from_url(redis_url) as client:
        ids = [each for each, _ in client.xrange(Streams(fresh_name).events(0))]
    _, first, then, second, last = (int(each.partition(b"-")[0]) for each in ids)
    assert first < then <= second < last


@pytest.fixture
def confused(tmp_path: Path) -> Iterator[Node]:
    """A Redis that does not know the command, and says so by quoting it."""
    node = Node(tmp_path, config='rename-command XADD ""\n')
    yield node
    node.kill()


def test_refusal_that_nobody_foresaw_is_no_reason_to_give_an_event_up(confused: Node) -> None:
    batch = [Record(n, NOW_US, b'{"content":"I like tea."}') for n in range(2)]

    outcome = transport(f"redis://127.0.0.1:{confused.port}/0", "memory").append(batch)

    assert outcome.unsent == batch
    assert outcome.rejected == []
    assert "unknown command" in outcome.cause
    assert "tea" not in outcome.cause


def test_refusals_for_good_are_told_apart_from_the_rest(redis_url: str, fresh_name: str) -> None:
    full, text = Streams(fresh_name).events(0), Streams(fresh_name).events(1)
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(full, {"event": "last"}, id=f"{2**64 - 1}-{2**64 - 1}")
        client.set(text, "not a stream")

    outcome = transport(redis_url, fresh_name).append([Record(n, NOW_US, b"{}") for n in range(2)])

    assert outcome.unsent == []
    assert [cause.split(":")[0] for _, cause in outcome.rejected] == ["ResponseError"] * 2
    assert "exhausted" in outcome.rejected[0][1]
    assert "WRONGTYPE" in outcome.rejected[1][1]


def test_backlog_is_told_until_it_is_gone_or_nobody_says_so_any_more(
    redis_url: str, fresh_name: str
) -> None:
    streams = Streams(fresh_name)
    told = transport(redis_url, fresh_name)
    told.append([])  # connects

    with redis.Redis.from_url(redis_url) as client:
        for producer, events in (("one", 500), ("other", 700)):
            assert told.report_backlog(producer, events)
        both = held_by_publishers(client, streams)
        assert told.report_backlog("one", 0)
        one_left = held_by_publishers(client, streams)
        client.hset(streams.backlogs, "other", "700 1000")  # long ago

        assert (both, one_left, held_by_publishers(client, streams)) == (1200, 700, 0)
        assert 0 < client.ttl(streams.backlogs) <= 60


def test_publisher_that_is_behind_says_so_and_then_that_it_is_not(fresh_name: str) -> None:
    streams = Streams(fresh_name)
    with Server.start("redis") as server, redis.Redis.from_url(server.url) as client:
        server.stop()
        with Publisher(
            server.url, prefix=fresh_name, durability="memory", batch_events=10
        ) as publisher:
            for _ in range(20_000):
                publisher.message(user_id="ana", session_id="s", role="user", content="Tea.")
            server.restart()

            wait_until(lambda: held_by_publishers(client, streams) > 10, "it says so")
            wait_until(lambda: not client.hlen(streams.backlogs), "that it is not")


def test_nothing_is_told_to_a_cluster_that_cannot_be_reached(
    redis_url: str, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise redis.exceptions.RedisClusterException("no node answers")

    told = transport(redis_url, fresh_name)
    told.append([])  # connects
    monkeypatch.setattr(redis.Redis, "hset", unreachable)

    assert not told.report_backlog("p", 3)
    assert not told.report_dropped("p", {"full": 1})
