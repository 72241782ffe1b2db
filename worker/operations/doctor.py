"""Whether a deployment can do its work: each thing looked at, with what was found and what to do.

Looks, and changes nothing; one embedding request is its only cost. A service that does not answer costs a
bounded time and one finding, whatever would have been asked of it. Call it from the main thread.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.protocol.redis_urls import is_cluster
from tablestore_memory.worker.failures.errors import WorkerError
from tablestore_memory.worker.operations.deadline import DeadlineExceeded, deadline
from tablestore_memory.worker.operations.status import standing
from tablestore_memory.worker.qwen.calls import unbooked
from tablestore_memory.worker.services import Services
from tablestore_memory.worker.stores.codec import has_native_codec
from tablestore_memory.worker.stores.errors import translated
from tablestore_memory.worker.stores.message_index import MESSAGE_INDEX
from tablestore_memory.worker.stores.tables import MEMORY_INDEX

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
    yield _codec()
    redis = _of("Redis", "REDIS_URL", 5, (_redis, _work), services)
    yield from redis
    if any((finding.level, finding.what) == ("fail", "Redis") for finding in redis):
        services = _without_redis(services)
    yield from _of("Tablestore", "TABLESTORE_ENDPOINT", 10, (_tables, _indexes), services)
    yield from _of("Qwen", "DASHSCOPE_HTTP_BASE_URL", 10, (_embedding,), services)


def _without_redis(services: Services) -> Services:
    """The same, for whom a call to Qwen does not wait until it is booked."""
    return Services(services.settings, limiter=services.limiter, book=unbooked)


def _codec() -> Finding:
    if has_native_codec():
        return Finding("ok", "codec", "the SDK's native one encodes rows")
    slower = "a row costs 13 times the processor time to encode as with the SDK's native codec"
    return Finding("warn", "codec", f"{slower}, which CPython 3.12 on x86-64 Linux loads")


def _of(
    service: str, variable: str, most_s: float, checks: Sequence[Check], services: Services
) -> list[Finding]:
    """What the checks of one service find, until it fails one."""
    found: list[Finding] = []
    try:
        with deadline(most_s):
            for check in checks:
                found += check(services)
    except (*REDIS_ERRORS, DeadlineExceeded) as error:
        found.append(Finding("fail", service, f"{error}: check {variable}"))
    except WorkerError as error:
        found.append(Finding("fail", service, str(error)))
    return found


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


def _work(services: Services) -> Iterator[Finding]:
    """What stands in Redis: workers, what is on its way, and what keeps it from going on."""
    now = standing(services.redis, services.streams)
    if now.workers:
        names = (f"{worker.name} ({', '.join(worker.queues)})" for worker in now.workers)
        yield Finding("ok", "workers", ", ".join(names))
    for obstacle in now.obstacles():
        yield Finding("fail" if obstacle.stops else "warn", obstacle.what, obstacle.text)
    on_its_way = f"{now.backlog.events} events, {now.backlog.sessions} sessions to extract"
    yield Finding("ok", "on its way", on_its_way)
    if now.backlog.dead:
        yield Finding("warn", "dead letters", f"{now.backlog.dead}: see `memory-worker dead list`")


def _tables(services: Services) -> Iterator[Finding]:
    with translated("ListTable"):
        there = set(services.tablestore.list_table())
    names = services.names
    for table in astuple(names):
        yield _there("table", table, table in there)
    for index in (names.session_index, names.message_index):
        yield _there("index", index, index in there)
    if services.settings.message_index and names.message in there:
        yield _words_of_messages(services)


def _words_of_messages(services: Services) -> Finding:
    with translated("ListSearchIndex"):
        listed = services.tablestore.list_search_index(services.names.message)
    if MESSAGE_INDEX in {name for _, name in listed}:
        return Finding("ok", f"search index {MESSAGE_INDEX}", "is there")
    without = "is missing: recall finds no words in messages; run `memory-worker init`"
    return Finding("warn", f"search index {MESSAGE_INDEX}", without)


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
