"""The worker's connections to Redis: one server, Sentinel or a Redis Cluster, and Celery's broker.

URLs are the publisher's (producer/connection.py), so both sides name a Redis alike. Celery cannot live on
a Redis Cluster, so its broker may be another Redis than the one that holds the events.
"""

from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from redis import Redis

from tablestore_memory.producer import connection

SCHEMES = r"^rediss?(\+(cluster|sentinel))?://"
# A blocking read waits for a second at most; a slow server must not hold a worker for ever.
_SOCKET_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 5.0


def connect_redis(url: str) -> Redis:
    """A client that waits for nobody for ever, and never repeats a command by itself.

    redis-py repeats ten times by default: a script whose answer was lost would run twice.
    """
    client = connection.connect(
        url, socket_timeout_s=_SOCKET_TIMEOUT_S, connect_timeout_s=_CONNECT_TIMEOUT_S
    )
    return cast(Redis, client)  # RedisCluster has what we use of it


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme.endswith("+cluster")


def why_no_broker(url: str) -> str | None:
    """Why Celery cannot keep its messages there; None if it can."""
    scheme = urlsplit(url).scheme
    if scheme.endswith("+cluster"):
        return "Celery cannot use a Redis Cluster; name another Redis"
    if scheme == "rediss+sentinel":
        return "Celery reaches Sentinel without TLS only; name another Redis"
    return None


def broker(url: str) -> dict[str, Any]:
    """Celery's `broker_url` and, for Sentinel, its transport options, for a URL of ours."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("+sentinel"):
        return {"broker_url": url, "broker_transport_options": {}}
    credentials, at, places = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    urls = [f"sentinel://{credentials}{at}{place}/{db or 0}" for place in places.split(",")]
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    watched = {
        name.removeprefix("sentinel_"): value
        for name, value in given.items()
        if name in ("sentinel_username", "sentinel_password")
    }
    return {
        "broker_url": ";".join(urls),
        "broker_transport_options": {"master_name": service, "sentinel_kwargs": watched},
    }
