"""From `publish` to a memory that a search finds, with the parts of the time, over real workers.

    python -m bench.memory [--sessions 60] [--rate 2] [--idle 1] [--json]

Sessions of three messages come at a steady rate and are said to be over. Redis is real; Tablestore and
Qwen are the local ones, with the index 1–3 s behind: what Qwen takes here is what the local rules take.
"""

import argparse
import json
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devtools.deployment import Deployment
from devtools.servers import Server

PARTS = ("waiting", "qwen", "writing", "index", "all")
TEXTS = ("I live in {}.", "I'm allergic to {}.", "My favourite colour is {}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--rate", type=float, default=2, help="sessions a second")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    figures = run(wanted.sessions, wanted.rate)
    if wanted.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['memories']} memories of {wanted.sessions} sessions; ms, p50 and p95")
    for part in PARTS:
        print(f"{part:<8} {figures[part]['p50']:>7} {figures[part]['p95']:>7}")


def run(sessions: int, rate: float) -> dict[str, Any]:
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as tablestore,
        Server.start("dashscope") as qwen,
        Deployment(redis.url, tablestore.url, qwen.url, MEMORY_QWEN_RPM="100000") as deployment,
    ):
        deployment.start_workers()
        published = publish(deployment, sessions, rate)
        deployment.wait()
        events = [event for worker in deployment.workers for event in events_of(worker.output)]
        memories = {
            m.document_id: m.session_id for user in published for m in deployment.memories(user)
        }
    return measure(published, memories, events)


def publish(deployment: Deployment, sessions: int, rate: float) -> dict[str, float]:
    """Each session of a user of its own, named alike. Returns when its last message was published."""
    published = {}
    with deployment.publisher() as publisher:
        for _ in range(sessions):
            name = f"s{uuid.uuid4().hex[:8]}"
            ids = {"user_id": name, "session_id": name}
            for text in TEXTS:
                word = f"{name}land"
                publisher.publish(
                    {"type": "message", "role": "user", "content": text.format(word)} | ids
                )
            publisher.publish({"type": "session_end"} | ids)
            published[name] = time.time()
            time.sleep(1 / rate)
        publisher.flush(30)
    return published


def events_of(output: str) -> Iterable[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def measure(
    published: dict[str, float], memories: dict[str, str], events: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """The parts by session: the events of its extraction carry its id, those of the index the memory's."""
    qwen: dict[str, float] = defaultdict(float)
    first: dict[str, float] = {}
    extracted: dict[str, float] = {}
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    found = 0
    for event in sorted(events, key=lambda event: event["timestamp"]):
        at, session = (
            datetime.fromisoformat(event["timestamp"]).timestamp(),
            event.get("session_id", ""),
        )
        if event["event"] == "qwen.answered" and session:
            first.setdefault(session, at - event["duration_ms"] / 1000)
            qwen[session] += event["duration_ms"]
        elif event["event"] == "session.extracted":
            extracted[session] = at
        elif event["event"] == "memory.searchable" and event["document_id"] in memories:
            found += 1
            parts["index"].append(event["lag_ms"])
            parts["all"].append((at - published[memories[event["document_id"]]]) * 1000)
    for session, ended in extracted.items():
        parts["waiting"].append((first[session] - published[session]) * 1000)
        parts["qwen"].append(qwen[session])
        parts["writing"].append((ended - first[session]) * 1000 - qwen[session])
    return {"memories": found} | {part: _percentiles(values) for part, values in parts.items()}


def _percentiles(values: list[float]) -> dict[str, int]:
    cuts = statistics.quantiles(values, n=20)
    return {"p50": round(statistics.median(values)), "p95": round(cuts[18])}


if __name__ == "__main__":
    main()
