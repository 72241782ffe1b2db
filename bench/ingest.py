"""Events a second and CPU time an event, on one machine, one store, in one run.

    python -m bench.ingest [--events 20000] [--json]

(a) this worker draining a backlog, (b) one Celery task a message with AgentScope's append, (c) that append
inline, (d) the SDK's BatchWriteRow alone in a loop, 200 rows each, (e) this worker's own share: a process that
drains into a store that does nothing, (f) the same with a store that takes its time. (a) and (d) with each of
the SDK's codecs that loads here. CPU is that of the client's processes, Celery's included, without the store and
Redis. Then the time from publish to a readable row at several rates, and the requests to Tablestore.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench import processes
from bench.codecs import APPS, CODECS
from bench.drained import (
    Result,
    figures,
    from_a_slow_store,
    in_this_process,
    into_nothing,
    services_with,
)
from devtools.child import Child
from devtools.deployment import Deployment
from devtools.faults import Faults
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.events import Message, encode
from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.worker.dispatch import gate
from tablestore_memory.worker.stores import batch
from tablestore_memory.worker.stores.rows import message_row
from tablestore_memory.worker.telemetry import configure_logging

ROOT = Path(__file__).parents[1]
SESSIONS = 10
PARTITIONS = 4
TEXT = "I like green tea in the morning, and my cat likes milk. " * 4  # about 300 bytes an event
STORE_S = (0, 0.005, 0.015, 0.05)
"""How long the store may take for a request."""


def event(number: int, run: str) -> Message:
    session = f"{run}-{number % SESSIONS}"
    return Message(
        event_id=f"{run}-{number}",
        message_id=f"{run}-{number}",
        user_id="bench",
        session_id=session,
        created_at=1_700_000_000_000_000 + number,
        role="user",
        content=TEXT,
    )


def this_worker(deployment: Deployment, store_url: str, codec: str, count: int) -> Result:
    """(a) A backlog in 10 sessions."""
    worker = warm_worker(deployment, APPS[codec])
    filled = partial(prefill, deployment, count, f"worker-{codec}")
    with counted(store_url, "BatchWriteRow") as requests:
        result = drained(deployment, worker, count, filled)
        return result | {"requests_per_1000": round(requests() * 1000 / count, 1)}


def warm_worker(deployment: Deployment, app: str) -> Child:
    (worker,) = deployment.start_workers("ingest", app=app)
    prefill(deployment, 1_000, "warm")
    wait_until(lambda: not backlog(deployment), "warmed up")
    return worker


def drained(deployment: Deployment, worker: Child, count: int, fill: Callable[[], None]) -> Result:
    """A backlog, kept waiting by a pause until the clock starts."""
    pause = deployment.services.keys.paused(gate.DRAIN)
    deployment.services.redis.set(pause, b'{"queue": "ingest", "task": "", "reason": "bench"}')
    time.sleep(2.5)  # longer than a turn: no drain is left running
    fill()
    cpu_s = processes.cpu_s(worker.process.pid)
    deployment.services.redis.delete(pause)
    began = time.monotonic()
    wait_until(lambda: not backlog(deployment), "drained", 300)
    wall_s = time.monotonic() - began
    return figures(count, wall_s, processes.cpu_s(worker.process.pid) - cpu_s)


def one_task_a_message(deployment: Deployment, count: int) -> Result:
    """(b) The same number of processes, the same store."""
    environment = os.environ | deployment.environment
    os.environ.update(deployment.environment)
    from bench.plain_celery import app, append

    def stored() -> int:
        return rows(deployment, "plain")

    command = [sys.executable, "-m", "celery", "-A", "bench.plain_celery", "worker", "-c", "2"]
    options = ["-Q", "plain", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    for number in range(count):
        append.delay(encode(event(number, "plain")).decode())
    worker = subprocess.Popen(
        command + options, env=environment, cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        first = wait_until(stored, "the first rows")
        cpu_s, began = processes.cpu_s(worker.pid), time.monotonic()
        wait_until(lambda: stored() == count, "all rows", 300)
        wall_s = time.monotonic() - began
        return figures(count - first, wall_s, processes.cpu_s(worker.pid) - cpu_s)
    finally:
        os.killpg(worker.pid, 9)
        worker.wait()
        app.close()


def inline(deployment: Deployment, count: int) -> Result:
    """(c) On the agent's own path."""
    os.environ.update(deployment.environment)
    from bench.plain_celery import append_message

    client = deployment.services.tablestore

    def write() -> None:
        for number in range(count):
            append_message(client, event(number, "inline"))

    return in_this_process(count, write)


def sdk_alone(deployment: Deployment, codec: str, count: int) -> Result:
    """(d) The same rows, without streams, leases or Celery; made before the clock starts."""
    table = deployment.services.names.message
    made = [message_row(table, event(n, f"sdk-{codec}"), 0) for n in range(count)]
    client = services_with(deployment, codec).tablestore

    def write() -> None:
        for start in range(0, count, batch.MAX_ROWS):
            assert not batch.write(client, made[start : start + batch.MAX_ROWS])

    return in_this_process(count, write)


def latency(deployment: Deployment, rate: int, seconds: float) -> Result:
    """From publish to readable: two of the sessions are read over and over."""
    run = f"rate{rate}-{time.time_ns()}"
    probes = {f"{run}-{n}" for n in range(2)}
    published: dict[str, float] = {}
    seen: dict[str, float] = {}
    ended = threading.Event()
    reader = threading.Thread(target=read, args=(deployment, probes, seen, ended))
    reader.start()
    began, sent = time.monotonic(), 0
    with deployment.publisher() as publisher:
        while (passed := time.monotonic() - began) < seconds:
            for number in range(sent, int(passed * rate)):
                session = f"{run}-{number % 40}"
                name = publisher.message(
                    user_id="bench", session_id=session, role="user", content=TEXT
                )
                if session in probes:
                    published[name] = time.monotonic()
            sent = int(passed * rate)
            time.sleep(0.002)
        publisher.flush(60)
    waiting = backlog(deployment)
    wait_until(lambda: published.keys() <= seen.keys(), "all probes read")
    ended.set()
    reader.join()
    took_ms = sorted((seen[name] - at) * 1000 for name, at in published.items())
    return {
        "rate": rate,
        "p50_ms": round(took_ms[len(took_ms) // 2], 1),
        "p99_ms": round(took_ms[len(took_ms) * 99 // 100], 1),
        "probes": len(took_ms),
        "waiting_at_end": waiting,
    }


def read(deployment: Deployment, probes: set[str], seen: dict[str, float], ended: Any) -> None:
    """Notes when each message of the probed sessions is first read."""
    last = dict.fromkeys(probes, 0)
    while not ended.wait(0.005):
        for session in probes:
            found = deployment.services.sessions.messages("bench", session, since=last[session])
            for said in found:
                seen.setdefault(said.message_id, time.monotonic())
                last[session] = said.created_at


def prefill(
    deployment: Deployment, count: int, run: str, make: Callable[[int, str], Message] = event
) -> None:
    streams = Streams(deployment.settings.prefix, PARTITIONS)
    for start in range(0, count, 1_000):
        with deployment.services.redis.pipeline(transaction=False) as pipe:
            for number in range(start, min(start + 1_000, count)):
                made = make(number, run)
                stream = streams.events(streams.partition(made.session_id))
                pipe.xadd(stream, {EVENT_FIELD: encode(made)})
            pipe.execute()


def backlog(deployment: Deployment) -> int:
    streams = deployment.services.streams
    return sum(int(deployment.services.redis.xlen(streams.events(p))) for p in range(PARTITIONS))


def rows(deployment: Deployment, run: str) -> int:
    messages = deployment.services.sessions.messages
    return sum(1 for n in range(SESSIONS) for _ in messages("bench", f"{run}-{n}"))


@contextmanager
def counted(store_url: str, operation: str) -> Iterator[Callable[[], int]]:
    """How many requests of a kind the store gets: a fault that does nothing counts them."""
    faults = Faults(store_url)
    with faults.during("latency", operation=operation, seconds=0):
        yield faults.happened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10, help="of each rate")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    configure_logging(
        "WARNING", "json"
    )  # a line for each batch drained in this process tells nobody anything
    with (
        tempfile.TemporaryDirectory() as directory,
        Server.start("redis", "--dir", directory) as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as store,
        Deployment(
            *(redis.url, store.url, "http://127.0.0.1:9/api/v1"),
            MEMORY_MESSAGE_INDEX="false",  # the tables alone, as AgentScope's side has them
        ) as deployment,
    ):
        result = measure(deployment, store.url, options.events, options.seconds)
    print(json.dumps(result, indent=None if options.json else 2))


def measure(deployment: Deployment, store_url: str, count: int, seconds: float) -> Result:
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    python, load = platform.python_version(), os.getloadavg()[0]
    result: Result = {"python": python, "load_before": round(load, 1)}
    prefilled = partial(prefill, deployment)
    result["e_own_share"] = into_nothing(deployment, CODECS[0], count, prefilled)
    for codec in CODECS:
        result[f"d_sdk_alone_{codec}"] = sdk_alone(deployment, codec, count)
    result["f_slow_store"] = [
        from_a_slow_store(deployment, store_url, delay_s, at_once, count // 5, prefilled)
        for delay_s in STORE_S
        for at_once in (1, PARTITIONS)
    ]
    for codec in reversed(CODECS):  # the best one's workers go on
        kill_workers(deployment)
        result[f"a_this_worker_{codec}"] = this_worker(deployment, store_url, codec, count)
    a, d = (result[f"{what}_{CODECS[0]}"] for what in ("a_this_worker", "d_sdk_alone"))
    sustained = round(a["events_per_s"] * 0.7)
    result["latency"] = [latency(deployment, rate, seconds) for rate in (100, 1_000, sustained)]
    kill_workers(deployment)
    few = max(1_000, count // 10)
    result["b_one_task_a_message"] = b = one_task_a_message(deployment, few)
    result["c_inline"] = c = inline(deployment, few)
    result["ratios"] = {
        "a_over_b_events_per_s": round(a["events_per_s"] / b["events_per_s"], 1),
        "a_over_c_events_per_s": round(a["events_per_s"] / c["events_per_s"], 1),
        "a_over_d_cpu": round(a["cpu_us_per_event"] / d["cpu_us_per_event"], 2),
    }
    result["load_after"] = round(os.getloadavg()[0], 1)
    return result


def kill_workers(deployment: Deployment) -> None:
    for worker in deployment.workers:
        worker.kill()
    deployment.workers.clear()


if __name__ == "__main__":
    main()
