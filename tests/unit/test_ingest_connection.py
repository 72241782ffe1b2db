"""One URL names a Redis for publishers, workers and, where it can, Celery's broker."""

import pytest

from tablestore_memory.protocol.redis_urls import is_cluster
from tablestore_memory.worker.connection import broker, why_no_broker


def test_plain_url_is_celery_s_too() -> None:
    assert broker("redis://h:1/2") == {
        "broker_url": "redis://h:1/2",
        "broker_transport_options": {},
    }


def test_sentinels_become_celery_s_urls() -> None:
    url = "redis+sentinel://:pw@a:1,b:2/events/3?sentinel_password=hush"

    assert broker(url) == {
        "broker_url": "sentinel://:pw@a:1/3;sentinel://:pw@b:2/3",
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
    ("url", "word"), [("redis+cluster://a:1", "Cluster"), ("rediss+sentinel://a:1/s", "TLS")]
)
def test_redis_that_celery_cannot_use_is_refused_with_the_reason(url: str, word: str) -> None:
    assert word in (why_no_broker(url) or "")


def test_other_redis_will_do() -> None:
    assert why_no_broker("redis://a:1/0") is None
    assert not is_cluster("redis://a:1/0")
