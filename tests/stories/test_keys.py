"""No key in Redis is unknown to the table of keys, and none in the table is never written."""

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from redis import Redis

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.servers import Server, wait_until
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.transport import RedisTransport
from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.worker.costs.user_budget import UserBudget
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.failures.errors import Unavailable
from tests.in_trace import in_trace
from tests.redis_keys import KeyRow, key_rows

# What Redis says of a key that is written, by the type it must have for that.
KINDS = {"set": "string", "incrby": "string", "h": "hash", "z": "sorted set", "x": "stream"}


class Watched:
    """Every key that is written, with what was done to it, by Redis' own notifications."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        redis.config_set("notify-keyspace-events", "KEA")
        self._prefix = f"__keyspace@0__:{prefix}:"
        self._pubsub = cast(Any, redis).pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(f"{self._prefix}*")
        self._pubsub.get_message(timeout=5)
        self._events: dict[str, set[str]] = {}

    def events(self) -> dict[str, set[str]]:
        """By key, its prefix replaced by `memory`; of all that was written until now."""
        while (message := cast(Any, self._pubsub.get_message(timeout=0.1))) is not None:
            name = "memory:" + message["channel"].decode().removeprefix(self._prefix)
            self._events.setdefault(name, set()).add(message["data"].decode())
        return self._events


@pytest.fixture(scope="module")
def deployment(
    tablestore_url: str, dashscope_url: str, tmp_path_factory: Any
) -> Iterator[Deployment]:
    directory = str(tmp_path_factory.mktemp("redis"))
    # Work with traces, for a collector that is not there.
    more = {"MEMORY_RECONCILE_S": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with (
        Server.start("redis", "--dir", directory, "--appendonly", "no") as redis,
        Deployment(redis.url, tablestore_url, dashscope_url, **more) as deployment,
    ):
        yield deployment


@pytest.fixture(scope="module")
def written(deployment: Deployment) -> dict[str, set[str]]:
    """After work of every kind, and after every kind of failure that leaves something."""
    with closing(Redis.from_url(deployment.environment["REDIS_URL"])) as redis:
        watched = Watched(redis, deployment.settings.prefix)
        deployment.start_workers()
        live(deployment)
        fail(deployment)
        wait_until(lambda: "memory:reconcile" in watched.events(), "a turn at the session table")
        return watched.events()


def live(deployment: Deployment) -> None:
    end = {"type": "session_end", "user_id": "ana", "session_id": "s"}
    with in_trace():
        deployment.publish(said("ana", "s", 1, "I like tea.", name="Ana"), end)
    deployment.publish({"type": "remember", "user_id": "bo", "text": "Call me Bo."})
    deployment.services.redis.xadd(deployment.services.keys.events(1), {EVENT_FIELD: "{"})
    deployment.wait()
    deployment.publish({"type": "forget", "user_id": "bo"})
    deployment.wait()


def fail(deployment: Deployment) -> None:
    services = deployment.services
    services.gate.failed(gate.DRAIN, 1)
    services.gate.pause(gate.EXTRACT, "for the test")
    services.stage_errors.note(gate.DRAIN, Unavailable("for the test"))
    services.unindexed.count_stale_index_decision()
    services.due.add("ana", "s", 0)
    services.due.give_up("ana", "s", "for the test")
    UserBudget(services.redis, services.keys, services.ledger, daily_tokens=0).wait_s("ana")
    with services.leases.lease(services.keys.user_lease("ana"), wait_s=5) as lease:
        services.journal.end("ana", "for the test", lease, ["a memory to be decided on"])
        services.undecided.tries.attempts.begin(services.streams.partition("ana"), b"ana")
    report_dropped(deployment)


def report_dropped(deployment: Deployment) -> None:
    """What a publisher says of itself when it had to drop something."""
    transport = RedisTransport(
        lambda: Redis.from_url(deployment.environment["REDIS_URL"]),
        Streams(deployment.settings.prefix, deployment.settings.partitions),
        now_us=lambda: 0,
        log=RateLimitedLog(logging.getLogger(__name__)),
    )
    with closing(transport):
        transport.append([])  # connects
        assert transport.report_dropped("p", {"closed": 1})
        assert transport.report_backlog("p", 5)


def rows_of(name: str) -> list[KeyRow]:
    return [row for row in key_rows() if row.matches(name)]


def test_every_key_is_in_the_table(written: dict[str, set[str]]) -> None:
    unknown = sorted(name for name in written if not rows_of(name))

    assert unknown == []


def test_every_key_of_the_table_is_written(written: dict[str, set[str]]) -> None:
    never = [row.name for row in key_rows() if not any(row.matches(name) for name in written)]

    assert never == []


def test_keys_have_the_type_of_the_table(written: dict[str, set[str]]) -> None:
    wrong = []
    for name, events in written.items():
        found = {kind for event in events for verb, kind in KINDS.items() if re.match(verb, event)}
        if found and not any({row.kind} == found or row.kind == "any" for row in rows_of(name)):
            wrong.append((name, found))

    assert wrong == []


def test_keys_run_out_where_the_table_says(written: dict[str, set[str]]) -> None:
    wrong = []
    for name, events in written.items():
        run_out = {row.kept_ms is not None for row in rows_of(name) if row.kind != "any"}
        if run_out and ("expire" in events) not in run_out:
            wrong.append(name)

    assert wrong == []


def test_no_key_is_kept_longer_than_the_table_says(
    deployment: Deployment, written: dict[str, set[str]]
) -> None:
    wrong = []
    for name in written:
        left_ms = deployment.services.redis.pttl(
            name.replace("memory", deployment.settings.prefix, 1)
        )
        most_ms = max((row.kept_ms or 0 for row in rows_of(name)), default=0)
        if left_ms > most_ms:
            wrong.append((name, left_ms))

    assert wrong == []
