"""Sessions extracted a second while Qwen takes its time, and the memory of the whole worker.

    python -m bench.extract [--short] [--json]

Sessions of three messages, of users nobody knows yet, all due at once, so that each asks Qwen three times: for
facts, for their vectors, and whether one replaces another. The local Qwen answers after 0.3, 1, 3 and 10 s; then
after 3 s with one call in twenty throttled. A prefork worker of four beside one process of threads, each as it is
when it has learnt how many calls may be under way.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

from bench import processes
from devtools.deployment import Deployment
from devtools.faults import Faults
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.events import Message
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.sessions.due import FROM_WATERMARK
from tablestore_memory.worker.state.partitions import STATE_PARTITIONS
from tablestore_memory.worker.stores.rows import message_row, session_row
from tablestore_memory.worker.stores.write import write_all

POOLS = (("prefork", 4), ("threads", 16), ("threads", 64), ("threads", 128))
# As many as 25 sessions a second need at 3 s.
LARGEST = ("threads", 256)
LATENCIES_S = (0.3, 1.0, 3.0, 10.0)
CALLS = 3  # of Qwen for a session
MOST_A_SECOND = 30  # what two cores may do; a row is planned by it
TEXTS = ("I live in Paris.", "I live in Lyon.", "I'm allergic to peanuts.")
KNOWN = ["Run is allergic to peanuts", "Run lives in Lyon"]
NO_LIMITS = {"MEMORY_QWEN_RPM": "1000000", "MEMORY_QWEN_TPM": "1000000000"}
_FIRST_US = 1_700_000_000_000_000
Row = dict[str, Any]


def measure(pool: str, size: int, latency_s: float, throttled: bool) -> Row:
    """One worker on servers of its own, from its first session to its last."""
    count = sessions_for(size, latency_s)
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as tablestore,
        Server.start("dashscope", "--faults", "--quiet") as qwen,
        Deployment(redis.url, tablestore.url, qwen.url, **NO_LIMITS) as deployment,
    ):
        with paused(deployment):
            (worker,) = deployment.start_workers("extract", pool=pool, concurrency=size)
            prefill(deployment, "warm", 4)
        wait_until(lambda: not waiting(deployment), "warmed up")
        with paused(deployment):
            prefill(deployment, "run", count)
            learn(deployment, size)
            set_faults(qwen, latency_s, throttled)
        with peak_memory(worker.pid) as memory_mb:
            cpu_s, began = processes.cpu_s(worker.pid), time.monotonic()
            wait_until(lambda: not waiting(deployment), "all extracted", 600)
            wall_s = time.monotonic() - began
            cpu_s = processes.cpu_s(worker.pid) - cpu_s
        assert deployment.services.dead.count() == 0
        assert sorted(deployment.texts("run-0")) == KNOWN
    return {
        "pool": f"{pool} {size}",
        "qwen_s": latency_s,
        "throttled": throttled,
        "sessions": count,
        "sessions_per_s": round(count / wall_s, 2),
        "of_ideal": round(count / wall_s / (size / (CALLS * latency_s)), 2),
        "cpu_ms_per_session": round(cpu_s / count * 1000, 1),
        "memory_mb": round(max(memory_mb)),
        "load": round(os.getloadavg()[0], 1),
    }


def sessions_for(size: int, latency_s: float) -> int:
    """Enough for two rounds of the pool, or half a minute of what it may do at best."""
    per_s = min(size / (CALLS * latency_s), MOST_A_SECOND)
    return max(4, min(2 * size, round(per_s * 30)))


def prefill(deployment: Deployment, run: str, count: int) -> None:
    names, rows = deployment.services.names, []
    received_ms = time.time_ns() // 1_000_000
    for number in range(count):
        name = f"{run}-{number}"
        for n, text in enumerate(TEXTS):
            message = Message(
                event_id=f"{name}-{n}", message_id=f"{name}-{n}", user_id=name, session_id=name,
                created_at=_FIRST_US + n, role="user", name="Run", content=text,
            )  # fmt: skip
            rows.append(message_row(names.message, message, received_ms))
        rows.append(session_row(names.session, name, name, _FIRST_US + len(TEXTS)))
    for start in range(0, len(rows), 200):
        write_all(deployment.services.tablestore, rows[start : start + 200])
    for number in range(count):
        deployment.services.due.add(f"{run}-{number}", f"{run}-{number}", FROM_WATERMARK)


def learn(deployment: Deployment, size: int) -> None:
    """What a worker that has been at it for some rounds knows: as many calls as it has places are answered."""
    settings = deployment.settings
    for model in (settings.model, settings.embedding_model):
        key = f"{settings.prefix}:{{qwen-{model}}}:counts"
        deployment.services.redis.hset(key, "most", size)


def waiting(deployment: Deployment) -> int:
    services = deployment.services
    with services.redis.pipeline(transaction=False) as pipe:
        for partition in range(STATE_PARTITIONS):
            pipe.zcard(services.streams.key(partition, "due"))
        return sum(pipe.execute())


@contextmanager
def paused(deployment: Deployment) -> Iterator[None]:
    """Nothing is begun within."""
    pause = f"{deployment.settings.prefix}:paused-{gate.EXTRACT}"
    deployment.services.redis.set(pause, b'{"queue": "extract", "task": "", "reason": "bench"}')
    yield
    deployment.services.redis.delete(pause)


def set_faults(qwen: Server, latency_s: float, throttled: bool) -> None:
    faults = Faults(qwen.url)
    faults.clear()
    if throttled:
        faults.add("error", code="Throttling", probability=0.05)
    faults.add("latency", seconds=latency_s)


@contextmanager
def peak_memory(leader: int) -> Iterator[list[float]]:
    """Resident memory of all the worker's processes, looked at ten times a second."""
    looks, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            looks.append(sum(map(processes.memory_mb, processes.of_session(leader))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()


def table(rows: list[Row]) -> str:
    lines = [
        "| Qwen | worker | sessions/s | of ideal | × prefork | CPU ms | memory MB |",
        "|---" * 7 + "|",
    ]
    base = 1.0
    for row in rows:
        if row["pool"].startswith("prefork"):
            base = row["sessions_per_s"]
        qwen = f"{row['qwen_s']:g} s" + (", 5% throttled" if row["throttled"] else "")
        lines.append(
            f"| {qwen} | {row['pool']} | {row['sessions_per_s']} | {row['of_ideal']} "
            f"| {row['sessions_per_s'] / base:.1f} | {row['cpu_ms_per_session']} | {row['memory_mb']} "
            f"| {row['load']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="at 1 s alone, with and without 429s")
    parser.add_argument("--only", nargs="+", help="pools and latencies, as in threads-64@3")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cases = [(s, False) for s in ((1.0,) if options.short else LATENCIES_S)]
    cases.append((1.0 if options.short else 3.0, True))
    rows: list[Row] = []
    for latency_s, throttled in cases:
        for pool, size in (*POOLS, *((LARGEST,) if latency_s == 3 else ())):
            if options.only and f"{pool}-{size}@{latency_s:g}" not in options.only:
                continue
            rows.append(measure(pool, size, latency_s, throttled))
            print(rows[-1], file=sys.stderr, flush=True)
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
