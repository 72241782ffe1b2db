"""An index 20 s behind, then one that stands still for a minute, under real workers: what comes of it.

    python -m bench.index_lag

Twelve sessions of one user say the same three things, and change one of them, while nothing is searchable.
"""

import json
import sys
import threading
import time
from typing import Any

from devtools.deployment import Deployment
from devtools.extraction import said
from devtools.faults import Faults
from devtools.servers import Server, wait_until

CITIES = ("Paris", "Lyon", "Rome")
SESSIONS = 12


def main() -> None:
    good = True
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0", "--faults") as store,
        Server.start("dashscope") as qwen,
        Deployment(redis.url, store.url, qwen.url) as deployment,
    ):
        deployment.start_workers()
        faults = Faults(store.url)
        faults.add("index-lag", seconds=20)
        good &= talk(deployment, "behind", "20 s behind")
        faults.add("index-lag", seconds=[1, 3])
        faults.add("index-stop")
        threading.Timer(60, faults.clear).start()
        good &= talk(deployment, "stopped", "stopped for 60 s")
    sys.exit(not good)


def talk(deployment: Deployment, user: str, title: str) -> bool:
    started = time.monotonic()
    for number in range(SESSIONS):
        session = f"{user}-{number}"
        city = CITIES[min(number // 4, len(CITIES) - 1)]
        texts = (f"I live in {city}.", "I like tea.", "I'm allergic to peanuts.")
        minutes = range(number * 4, number * 4 + len(texts))
        deployment.publish(
            *(said(user, session, m, t, name="Ana") for m, t in zip(minutes, texts, strict=True)),
            {"type": "session_end", "user_id": user, "session_id": session},
        )
    wait_until(
        lambda: not status(deployment)["sessions"] + status(deployment)["events"], "extracted"
    )
    extracted_s, waiting = time.monotonic() - started, status(deployment)
    deployment.wait(200)
    found = sorted(deployment.texts(user))
    right = found == ["Ana is allergic to peanuts", "Ana likes tea", "Ana lives in Rome"]
    print(
        f"index {title}: extracted after {extracted_s:.0f} s with {waiting['unsearchable']} not "
        f"searchable, the oldest for {waiting['oldest_unsearchable_s']} s (status); all searchable "
        f"after {time.monotonic() - started:.0f} s; {len(found)} memories of 3, no doubles: "
        f"{len(found) == 3}; right: {right}; passed over: {status(deployment)['decided_with_stale_index']}",
        flush=True,
    )
    return right


def status(deployment: Deployment) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(deployment.command("status", "--json").stdout)
    return answer


if __name__ == "__main__":
    main()
