"""Whether a deployment can do its work: each thing looked at, with what was found and what to do.

Looks, and changes nothing; one embedding request is its only cost.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import RedisError

from tablestore_memory.worker.backlog import backlog
from tablestore_memory.worker.connection import is_cluster
from tablestore_memory.worker.errors import WorkerError
from tablestore_memory.worker.heartbeat import alive
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.tables import MEMORY_INDEX, MESSAGE_INDEX, SESSION_INDEX

Level = Literal["ok", "warn", "fail"]

_REDIS_AT_LEAST = (6, 2)  # exclusive ranges of XRANGE
# Stamps come from publishers' clocks; Tablestore refuses requests 15 minutes off.
_CLOCK_WARN_S, _CLOCK_FAIL_S = 2.0, 15 * 60.0
_MEMORY_WARN = 0.8
_INDEX_LAG_WARN_S = 60


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    what: str
    found: str


Check = Callable[[Services], Iterator[Finding]]


def examine(services: Services) -> Iterator[Finding]:
    """All findings; a check that cannot be made is one that failed."""
    yield Finding("ok", "settings", "all variables are there and have their form")
    for check in (_redis, _workers, _tables, _indexes, _embedding):
        try:
            yield from check(services)
        except (RedisError, OSError) as error:
            yield Finding("fail", "Redis", f"{error}: check REDIS_URL")
        except WorkerError as error:
            yield Finding("fail", check.__name__.strip("_"), str(error))


def _redis(services: Services) -> Iterator[Finding]:
    redis = services.redis
    seconds, micros = redis.time()
    skew_s = abs(time.time() - (int(seconds) + int(micros) / 1e6))
    level: Level = "ok" if skew_s < _CLOCK_WARN_S else "warn" if skew_s < _CLOCK_FAIL_S else "fail"
    yield Finding(level, "clocks", f"{skew_s:.2f} s between this machine and Redis")
    every: dict[str, Any] = (
        {"target_nodes": "primaries"} if is_cluster(services.settings.redis_url) else {}
    )
    for node, about in nodes(redis.info(**every)):
        yield from _server(node, about)


def nodes(info: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What INFO says, by node: of a cluster one each."""
    if info and all(
        isinstance(value, dict) and "redis_version" in value for value in info.values()
    ):
        return [(f"Redis {node}", about) for node, about in info.items()]
    return [("Redis", info)]


def _server(node: str, about: dict[str, Any]) -> Iterator[Finding]:
    version = str(about["redis_version"])
    enough = tuple(int(part) for part in version.split(".")[:2]) >= _REDIS_AT_LEAST
    yield Finding("ok" if enough else "fail", node, f"version {version}; 6.2 is needed")
    if about.get("aof_enabled"):
        written = about.get("aof_last_write_status", "ok")
        level: Level = "ok" if written == "ok" else "fail"
        yield Finding(level, f"{node} persistence", f"append-only file, last write {written}")
    else:
        yield Finding(
            "warn",
            f"{node} persistence",
            "no append-only file: a restart loses events not stored yet",
        )
    policy = about.get("maxmemory_policy", "unknown")
    yield Finding(
        "ok" if policy == "noeviction" else "fail",
        f"{node} eviction",
        policy + ("" if policy == "noeviction" else ": events can vanish; set noeviction"),
    )
    used, most = int(about.get("used_memory", 0)), int(about.get("maxmemory", 0))
    if most:
        level = "ok" if used < _MEMORY_WARN * most else "warn"
        yield Finding(level, f"{node} memory", f"{used >> 20} of {most >> 20} MB")


def _workers(services: Services) -> Iterator[Finding]:
    names = [worker.name for worker in alive(services.redis, services.streams)]
    yield Finding("ok" if names else "fail", "workers", ", ".join(names) or "none reported lately")
    for pause in services.queues.paused():
        yield Finding("fail", f"queue {pause['queue']}", f"paused: {pause['reason']}")
    now = backlog(services.redis, services.streams)
    yield Finding("ok", "on its way", f"{now.events} events, {now.sessions} sessions to extract")
    if now.dead:
        yield Finding("warn", "dead letters", f"{now.dead}: see `memory-worker dead list`")


def _tables(services: Services) -> Iterator[Finding]:
    with translated("ListTable"):
        there = set(services.tablestore.list_table())
    names = services.names
    for table in (names.session, names.message, names.memory, names.history):
        yield _there("table", table, table in there)
    for index in (SESSION_INDEX, MESSAGE_INDEX):
        yield _there("index", index, index in there)


def _there(kind: str, name: str, found: bool) -> Finding:
    hint = "is there" if found else "is missing: run `memory-worker init`"
    return Finding("ok" if found else "fail", f"{kind} {name}", hint)


def _indexes(services: Services) -> Iterator[Finding]:
    with translated("DescribeSearchIndex"):
        meta, stat = services.tablestore.describe_search_index(services.names.memory, MEMORY_INDEX)
    dimensions = {f.vector_options.dimension for f in meta.fields if f.vector_options}
    wanted = services.settings.embedding_dimension
    same = dimensions == {wanted}
    yield Finding(
        "ok" if same else "fail",
        "index dimension",
        f"{sorted(dimensions)}, MEMORY_EMBEDDING_DIMENSION is {wanted}",
    )
    # Nanoseconds; 0 until a first row was seen.
    lag_s = time.time() - stat.current_sync_timestamp / 1e9 if stat.current_sync_timestamp else 0.0
    level: Level = "ok" if lag_s < _INDEX_LAG_WARN_S else "warn"
    yield Finding(level, "index lag", f"{max(lag_s, 0):.1f} s, phase {stat.sync_phase}")


def _embedding(services: Services) -> Iterator[Finding]:
    (vector,) = services.qwen.embed(["How long is a vector?"])
    wanted = services.settings.embedding_dimension
    yield Finding(
        "ok" if len(vector) == wanted else "fail",
        f"model {services.settings.embedding_model}",
        f"vectors of {len(vector)}, MEMORY_EMBEDDING_DIMENSION is {wanted}",
    )
