"""From a URL (protocol/redis_urls.py) to a connected client of redis-py, with its retries off: resending is
the sender's.
"""

# Connecting imports these, in the sender's thread. A fork in that very moment would leave the child
# with an import lock that nobody holds any more; so they are imported before there is a thread.
import email.parser  # noqa: F401
import encodings.idna  # noqa: F401
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from tablestore_memory.protocol.redis_urls import RedisUrl, is_cluster, is_sentinel

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 0.5
HEALTH_CHECK_S = 15

Client = redis.Redis | redis.RedisCluster

REDIS_ERRORS = (redis.RedisError, redis.exceptions.RedisClusterException)
"""What a client raises: what it says of a cluster is no RedisError."""


def options(socket_timeout_s: float, connect_timeout_s: float) -> dict[str, Any]:
    """redis-py retries ten times by default, and a retried XADD appends twice."""
    return {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": connect_timeout_s,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_S,
        "retry": Retry(NoBackoff(), 0),
    }


def connect(
    redis_url: str,
    *,
    socket_timeout_s: float = SOCKET_TIMEOUT_S,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> Client:
    """A client; the network is touched at the first command, by Cluster at once."""
    given = options(socket_timeout_s, connect_timeout_s)
    if is_cluster(redis_url):
        return _cluster(RedisUrl.parse(redis_url), given)
    if is_sentinel(redis_url):
        return _sentinel(RedisUrl.parse(redis_url), given)
    if redis_url.startswith("unix://"):
        del given["socket_keepalive"]  # a socket of this machine has none, nor takes the word
    return redis.Redis.from_url(redis_url, **given)


def _cluster(url: RedisUrl, options: dict[str, Any]) -> redis.RedisCluster:
    from redis.cluster import ClusterNode  # only where it is used: it costs start-up time

    nodes = [
        ClusterNode(host, port)  # type: ignore[no-untyped-call]  # redis-py's gap
        for host, port in url.nodes
    ]
    return redis.RedisCluster(startup_nodes=nodes, **{**options, **_given(url)})


def _sentinel(url: RedisUrl, options: dict[str, Any]) -> redis.Redis:
    from redis.sentinel import Sentinel

    given = {**options, **_given(url)}
    watched = {
        name.removeprefix("sentinel_"): given.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in given
    }
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py's gap
        list(url.nodes),
        sentinel_kwargs={**options, **watched, "ssl": given["ssl"]},
        **{**given, "db": url.db},
    )
    master: redis.Redis = sentinel.master_for(url.service)  # type: ignore[no-untyped-call]
    return master


def _given(url: RedisUrl) -> dict[str, Any]:
    """What stands in the URL beside the nodes, as redis-py takes it."""
    given: dict[str, Any] = {**parse_url(f"redis://?{url.query}"), "ssl": "rediss" in url.scheme}  # type: ignore[no-untyped-call]
    given |= {"username": url.username} if url.username else {}
    given |= {"password": url.password} if url.password else {}
    return given
