"""Everything that a deployment holds, table by table and key by key, to look for somebody in it.

before = footprints(deployment, bo)
…
assert footprints(deployment, ana) == []
assert footprints(deployment, bo) == before
"""

from collections.abc import Iterator
from typing import Any, cast

import tablestore as ots

from devtools.deployment import Deployment

_KEYS = {
    "session": ("user_id", "session_id"),
    "message": ("session_id", "create_time", "message_id"),
    "memory": ("document_id", "tenant_id"),
    "history": ("user_id", "replaced_at", "document_id"),
}


def footprints(deployment: Deployment, *needles: str) -> list[str]:
    """Each row and each entry that holds one of the needles, in its key or in what it says. Leases, which
    run out by themselves, are not looked at, nor what is being booked, which moves by itself."""
    every = [*rows(deployment), *redis_entries(deployment)]
    return sorted(what for what in every if any(needle in what for needle in needles))


def rows(deployment: Deployment) -> Iterator[str]:
    """All rows of all tables, without the stamps of their cells."""
    for table, key in _KEYS.items():
        start: Any = [(name, ots.INF_MIN) for name in key]
        end = [(name, ots.INF_MAX) for name in key]
        name = getattr(deployment.services.names, table)
        while start is not None:
            _, start, found, _ = deployment.services.tablestore.get_range(
                name, "FORWARD", start, end, max_version=1
            )
            for row in found:
                cells = [cell[:2] for cell in row.attribute_columns]
                yield f"{table} {row.primary_key} {cells}"


def redis_entries(deployment: Deployment) -> Iterator[str]:
    """All members, fields and entries of all keys with the deployment's prefix."""
    redis = deployment.services.redis
    for key in redis.scan_iter(f"{deployment.settings.prefix}:*", count=1000):
        name = key.decode()
        if "lease" in name or "unbooked" in name:
            continue
        for entry in _entries(redis, key):
            yield f"{name} {_told(entry)}"


def _entries(redis: Any, key: bytes) -> list[Any]:
    match redis.type(key):
        case b"string":
            return [redis.get(key)]
        case b"hash":
            return list(redis.hgetall(key).items())
        case b"zset":
            return cast(list[Any], redis.zrange(key, 0, -1))
        case b"stream":
            return cast(list[Any], redis.xrange(key))
        case b"set":
            return list(redis.smembers(key))
        case b"list":
            return cast(list[Any], redis.lrange(key, 0, -1))
        case kind:
            raise AssertionError(f"{key!r} is a {kind!r}: look into it")


def _told(entry: Any) -> str:
    """Bytes as the text they hold, so that a needle is found in them."""
    if isinstance(entry, bytes):
        return entry.decode(errors="replace")
    if isinstance(entry, (tuple, list)):
        return " ".join(_told(each) for each in entry)
    if isinstance(entry, dict):
        return " ".join(f"{_told(name)}={_told(value)}" for name, value in sorted(entry.items()))
    return str(entry)
