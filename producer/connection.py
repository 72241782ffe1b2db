"""From a URL to a connected client of redis-py, with its retries off: resending is the sender's.

Beside redis-py's own `redis://`, `rediss://` and `unix://`:

    redis+cluster://user:password@node1:6379,node2:6379
    redis+sentinel://user:password@sentinel1:26379,sentinel2:26379/SERVICE/DB

and both with `rediss+` for TLS. Options after `?` are redis-py's, in all of them; with Sentinel,
`sentinel_username` and `sentinel_password` are for the sentinels themselves.
"""

# Connecting imports these, in the sender's thread. A fork in that very moment would leave the child
# with an import lock that nobody holds any more; so they are imported before there is a thread.
import email.parser  # noqa: F401
import encodings.idna  # noqa: F401
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 0.5
HEALTH_CHECK_S = 15

Client = redis.Redis | redis.RedisCluster
Nodes = list[tuple[str, int]]


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
    scheme = urlsplit(redis_url).scheme
    if scheme.endswith("+cluster"):
        return _cluster(redis_url, given)
    if scheme.endswith("+sentinel"):
        return _sentinel(redis_url, given)
    if scheme == "unix":
        del given["socket_keepalive"]  # there is no network, and redis-py takes no such option
    return redis.Redis.from_url(redis_url, **given)


def _cluster(redis_url: str, options: dict[str, Any]) -> redis.RedisCluster:
    from redis.cluster import ClusterNode  # only where it is used: it costs start-up time

    nodes = [
        ClusterNode(host, port)  # type: ignore[no-untyped-call]  # redis-py's gap
        for host, port in _nodes(redis_url, 6379)
    ]
    return redis.RedisCluster(startup_nodes=nodes, **_credentials(redis_url), **options)


def _sentinel(redis_url: str, options: dict[str, Any]) -> redis.Redis:
    from redis.sentinel import Sentinel

    given = _credentials(redis_url)
    watched = {
        name.removeprefix("sentinel_"): given.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in given
    }
    service, _, db = urlsplit(redis_url).path.strip("/").partition("/")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py's gap
        _nodes(redis_url, 26379),
        sentinel_kwargs={**options, **watched, "ssl": given["ssl"]},
        db=int(db or 0),
        **given,
        **options,
    )
    master: redis.Redis = sentinel.master_for(service)  # type: ignore[no-untyped-call]
    return master


def _nodes(redis_url: str, default_port: int) -> Nodes:
    places = urlsplit(redis_url).netloc.rpartition("@")[2].split(",")
    return [_host_and_port(place, default_port) for place in places]


def _host_and_port(place: str, default_port: int) -> tuple[str, int]:
    url = urlsplit(f"//{place}")
    return url.hostname or "localhost", url.port or default_port


def _credentials(redis_url: str) -> dict[str, Any]:
    url = urlsplit(redis_url)
    user, _, password = url.netloc.rpartition("@")[0].partition(":")
    given: dict[str, Any] = {name: values[-1] for name, values in parse_qs(url.query).items()}
    given["ssl"] = url.scheme.startswith("rediss")
    if user:
        given["username"] = unquote(user)
    if password:
        given["password"] = unquote(password)
    return given
