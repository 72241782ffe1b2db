"""The worker's connections to Redis: one server, Sentinel or a Redis Cluster, and Celery's broker.

URLs are the publisher's (protocol/redis_urls.py), so both sides name a Redis alike. Celery cannot live on
a Redis Cluster, so its broker may be another Redis than the one that holds the events.
"""

from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

from redis import Redis

from tablestore_memory.producer import connection
from tablestore_memory.protocol.redis_urls import RedisUrl, is_cluster

# A blocking read waits for a second at most; a slow server must not hold a worker for ever.
_SOCKET_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 5.0


def connect_redis(
    url: str,
    *,
    socket_timeout_s: float = _SOCKET_TIMEOUT_S,
    connect_timeout_s: float = _CONNECT_TIMEOUT_S,
) -> Redis:
    """A client that waits for nobody for ever, and never repeats a command by itself.

    redis-py repeats ten times by default: a script whose answer was lost would run twice.
    """
    client = connection.connect(
        url, socket_timeout_s=socket_timeout_s, connect_timeout_s=connect_timeout_s
    )
    return cast(Redis, client)  # RedisCluster has what we use of it


def why_no_broker(url: str) -> str | None:
    """Why Celery cannot keep its messages there; None if it can."""
    if is_cluster(url):
        return "Celery cannot use a Redis Cluster; name another Redis"
    if url.startswith("rediss+sentinel://"):
        return "Celery reaches Sentinel without TLS only; name another Redis"
    return None


def broker(url: str) -> dict[str, Any]:
    """Celery's `broker_url` and transport options for a URL of ours that `why_no_broker` lets pass.

    Celery takes no options of redis-py in a URL but those of TLS; what it is to know stands elsewhere.
    """
    parsed = RedisUrl.parse(url)
    options = dict(parse_qsl(parsed.query))
    login = _login(parsed)
    if parsed.socket:
        at = f"redis+socket://{login}{parsed.socket}?virtual_host={parsed.db}"
        return {"broker_url": at, "broker_transport_options": {}}
    places = [f"{login}{_host(host)}:{port}/{parsed.db}" for host, port in parsed.nodes]
    if parsed.service:
        watched = {
            name: options[f"sentinel_{name}"]
            for name in ("username", "password")
            if f"sentinel_{name}" in options
        }
        return {
            "broker_url": ";".join(f"sentinel://{place}" for place in places),
            "broker_transport_options": {
                "master_name": parsed.service,
                "sentinel_kwargs": watched,
            },
        }
    at = f"{parsed.scheme}://{places[0]}{_tls(parsed.scheme, options)}"
    return {"broker_url": at, "broker_transport_options": {}}


def _login(url: RedisUrl) -> str:
    """`user:password@`, as far as there are any."""
    if not url.username and not url.password:
        return ""
    return f"{quote(url.username, safe='')}:{quote(url.password, safe='')}@"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tls(scheme: str, options: dict[str, str]) -> str:
    """Where nothing is said about certificates, redis-py asks for one, and Celery would not."""
    if scheme != "rediss":
        return ""
    asked = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return "?" + urlencode({"ssl_cert_reqs": "required"} | asked)
