"""One URL names a Redis for publishers, workers and, where it can, Celery's broker."""

import ssl
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection
from redis import Redis
from redis.exceptions import RedisClusterException, RedisError

from tablestore_memory.worker.state.connection import broker, connect_redis, why_no_broker
from tests.redis_nodes import Node


def test_plain_url_is_celery_s_too() -> None:
    assert broker("redis://h:1/2") == {
        "broker_url": "redis://h:1/2",
        "broker_transport_options": {},
    }


def test_sentinels_become_celery_s_urls() -> None:
    url = "redis+sentinel://:p%40w@a:1,b:2/events/3?sentinel_password=hush&socket_timeout=3"

    assert broker(url) == {
        "broker_url": "sentinel://:p%40w@a:1/3;sentinel://:p%40w@b:2/3",
        "broker_transport_options": {
            "master_name": "events",
            "sentinel_kwargs": {"password": "hush"},
        },
    }


def test_socket_becomes_celery_s_url() -> None:
    url = "unix:///run/redis.sock?db=3&username=ann&password=p%40ss"

    assert broker(url) == {
        "broker_url": "redis+socket://ann:p%40ss@/run/redis.sock?virtual_host=3",
        "broker_transport_options": {},
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("rediss://h:1", ssl.CERT_REQUIRED),  # as for our own client; Celery would take any
        ("rediss://h:1?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_certificates_are_asked_for_as_the_url_says(given: str, wanted: int) -> None:
    asked = Connection(broker(given)["broker_url"]).ssl

    assert asked["ssl_cert_reqs"] == wanted


def test_files_of_certificates_are_celery_s_too() -> None:
    asked = Connection(broker("rediss://h:1?ssl_ca_certs=/etc/ca.pem&db=2")["broker_url"])

    assert asked.ssl["ssl_ca_certs"] == "/etc/ca.pem"
    assert asked.virtual_host == "2"


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hunter2@127.0.0.1:9/0",
        "redis://127.0.0.1:9/0?password=hunter2",
        "rediss://u:hunter2@127.0.0.1:9/0",
        "unix://u:hunter2@/no/such.sock",
        "redis+sentinel://u:hunter2@127.0.0.1:9/s/0?sentinel_password=hunter2",
        "redis+cluster://u:hunter2@127.0.0.1:9",
    ],
)
def test_redis_that_does_not_answer_is_told_without_its_password(url: str) -> None:
    with pytest.raises((RedisError, RedisClusterException)) as refused:
        connect_redis(url).ping()

    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("url", "word"), [("redis+cluster://a:1", "Cluster"), ("rediss+sentinel://a:1/s", "TLS")]
)
def test_redis_that_celery_cannot_use_is_refused_with_the_reason(url: str, word: str) -> None:
    assert word in (why_no_broker(url) or "")


def test_other_redis_will_do() -> None:
    assert why_no_broker("redis://a:1/0") is None


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Path]]:
    """A Redis with a password, at a port and at a socket."""
    directory = tmp_path_factory.mktemp("redis")
    node = Node(directory, "--unixsocket", str(directory / "redis.sock"))
    node.client.config_set("requirepass", "p@ss/w:rd")
    try:
        yield node, directory / "redis.sock"
    finally:
        node.kill()


@pytest.mark.parametrize(
    "form",
    [
        "redis://:{quoted}@127.0.0.1:{port}/3",
        "redis://127.0.0.1:{port}?db=3&password={quoted}",
        "redis://default:{quoted}@127.0.0.1:{port}/3?health_check_interval=5",
        "unix://:{quoted}@{path}?db=3",
    ],
)
def test_celery_keeps_its_messages_where_our_client_looks(
    guarded: tuple[Node, Path], form: str
) -> None:
    node, path = guarded
    url = form.format(quoted="p%40ss%2Fw%3Ard", port=node.port, path=path)
    name = f"q{uuid.uuid4().hex}"
    conf = broker(url)

    with Connection(
        conf["broker_url"], transport_options=conf["broker_transport_options"]
    ) as connection:
        connection.SimpleQueue(name).put({"look": 3})

    ours: Redis = connect_redis(url)
    assert ours.llen(name) == 1
    assert ours.client_info()["db"] == 3
