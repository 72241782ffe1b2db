"""What stands in the stream, and which refusals are for good: against a real Redis."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.connection import connect
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.transport import RedisTransport
from tablestore_memory.protocol.streams import Streams
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
