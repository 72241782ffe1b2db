"""Many messages over many sessions in one run: nothing lost, memory flat, the backlog drained evenly.

    python bench/million.py [--messages 1000000] [--sessions 10000] [--minutes 10] [--codec python]

A backlog is published first, up to what is asked for; then workers drain it. Stops by itself after the
given time, and says how far it came.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# The root of the project instead of this folder, where this file would hide the package of its name.
sys.path[0] = str(Path(__file__).parents[1])
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

from bench import processes  # noqa: E402
from bench.codecs import APPS, CODECS  # noqa: E402
from devtools.deployment import Deployment  # noqa: E402
from devtools.servers import Server  # noqa: E402
from tablestore_memory.worker.operations.backlog import backlog  # noqa: E402

_LOOK_EVERY_S = 5.0
_PARTS = 5
_TEXT = "I like green tea in the morning, and my cat likes milk. " * 2


def publish(deployment: Deployment, messages: int, sessions: int) -> float:
    """Publish them in turn; returns the seconds it took. Message n of a session says n."""
    began = time.monotonic()
    with deployment.publisher() as publisher:
        for number in range(messages):
            session = f"s{number % sessions}"
            publisher.message(
                user_id=session, session_id=session, role="user",
                content=f"{number // sessions} {_TEXT}",
            )  # fmt: skip
            if number % 20_000 == 0:
                assert publisher.flush(60)
        assert publisher.flush(120)
    return time.monotonic() - began


def drain(deployment: Deployment, minutes: float, codec: str) -> list[dict[str, Any]]:
    """Look every few seconds until all is stored or the time is up."""
    (worker,) = deployment.start_workers("ingest", app=APPS[codec])
    ends = time.monotonic() + minutes * 60
    looks: list[dict[str, Any]] = []
    while time.monotonic() < ends:
        waiting = backlog(deployment.services.redis, deployment.services.streams).events
        members = processes.of_session(worker.process.pid)
        memory = {pid: round(processes.memory_mb(pid), 1) for pid in members}
        looks.append({"at": time.monotonic(), "waiting": waiting, "memory_mb": memory})
        if not waiting:
            break
        time.sleep(_LOOK_EVERY_S)
    worker.stop()
    return looks


def told(looks: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates by fifth of the run, and each process' memory at the end of each fifth."""
    rates = [
        (before["waiting"] - after["waiting"]) / (after["at"] - before["at"])
        for before, after in itertools.pairwise(looks)
    ]
    edges = [len(rates) * n // _PARTS for n in range(_PARTS + 1)]
    parts = [rates[start:end] for start, end in itertools.pairwise(edges) if start < end]
    places = [len(looks) * n // _PARTS - 1 for n in range(1, _PARTS + 1)]
    return {
        "drained_per_s_by_fifth": [round(statistics.mean(part)) for part in parts],
        "memory_mb_by_fifth": [list(looks[max(0, p)]["memory_mb"].values()) for p in places],
        "seconds": round(looks[-1]["at"] - looks[0]["at"]),
    }


def missing(deployment: Deployment, drained: int, messages: int, sessions: int) -> int:
    """How many of the drained messages have no row, and each session in order."""
    found = disordered = 0
    for number in range(sessions):
        session = f"s{number}"
        said = [
            m.text.partition(" ")[0]
            for m in deployment.services.sessions.messages(session, session)
        ]
        found += len(set(said))
        disordered += said != sorted(said, key=int)
    assert not disordered, f"{disordered} sessions out of order"
    return drained - found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10, help="the longest to drain")
    parser.add_argument("--codec", choices=CODECS, default=CODECS[0])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        Server.start("redis", "--dir", directory) as redis,
        Server.start("tablestore", "--data", f"{directory}/rows.db", "--index-lag", "0") as store,
        Deployment(
            *(redis.url, store.url, "http://127.0.0.1:9/api/v1"),
            MEMORY_MESSAGE_INDEX="false",  # a million messages in memory would be the stand-in's matter
        ) as deployment,
    ):
        took_s = publish(deployment, options.messages, options.sessions)
        looks = drain(deployment, options.minutes, options.codec)
        left = backlog(deployment.services.redis, deployment.services.streams).events
        drained = options.messages - left
        lost = missing(deployment, drained, options.messages, options.sessions)
        result = {
            "codec": options.codec,
            "published": options.messages,
            "publish_s": round(took_s),
            "drained": drained,
            "lost": lost,
            "dead": deployment.services.dead.count(),
            **told(looks),
        }
    print(json.dumps(result, indent=2))
    if result["lost"] > 0:
        sys.exit("messages were lost")


if __name__ == "__main__":
    main()
