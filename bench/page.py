"""How long each page takes while there are 10,000 sessions: p50 and p95, one visitor after the other.

    python -m bench.page [--sessions 10000] [--looks 100] [--json]

Of the users one talks far more than all others, and one of that user's sessions is long: the pages that are looked
at are that user's. Redis is real; Tablestore is the local one, a Python process on one core.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2

from devtools.child import Child
from devtools.crowd import Crowd, seed, session_of
from devtools.deployment import Deployment
from devtools.servers import Server, wait_until
from tablestore_memory.server.page.table import PAGES

_COMMAND = str(Path(sys.executable).with_name("memory-worker"))
_TOKEN = "token-of-the-bench-alone"
_TARGET_MS = 300


@contextmanager
def visitor(deployment: Deployment, journal: str) -> Iterator[httpx2.Client]:
    """A server, and somebody who is in."""
    environment = {
        **os.environ,
        **deployment.environment,
        "MEMORY_SERVER_TOKEN": _TOKEN,
        "XDG_STATE_HOME": journal,
    }
    command = [_COMMAND, "serve", "--port", "0"]
    server = Child("server", command, ready="^ready ", environment=environment)
    try:
        url = server.wait_ready().split()[1]
        with httpx2.Client(base_url=url, headers={"Origin": url}, timeout=60) as http:
            http.post("/login", data={"token": _TOKEN}).raise_for_status()
            yield http
    finally:
        server.stop()


def looks_of(crowd: Crowd, memory_id: str) -> dict[str, list[dict[str, str]]]:
    """Each page with what is asked of it in turn."""
    user, few = {"user_id": crowd.talkative}, {"user_id": "user-0001"}
    long, short = (
        {"session_id": session_of(crowd.talkative, number)} for number in (0, crowd.a_user)
    )
    memory = user | {"memory_id": memory_id}
    event = {"event_id": f"{long['session_id']}-0"}
    asked = {
        "/users": [{}, {"begins": "user-00"}, {"begins": "user-", "after": "user-0100"}],
        "/user": [user, few],
        "/history": [user, few],
        "/sessions": [user, few],
        "/session": [user | long, user | short],
        "/memory": [memory],
        "/memory/edit": [memory],
        "/memory/delete": [memory],
        "/event": [event, event | user | long],
        "/dead-letters/letter": [],
    }
    reading = [page.path for page in PAGES if page.method == "GET"]
    return {path: asked.get(path, [{}]) for path in dict.fromkeys(reading)}


def times_ms(
    http: httpx2.Client, path: str, asked: Sequence[dict[str, str]], looks: int
) -> list[float]:
    times = []
    for number in range(looks):
        began = time.perf_counter()
        http.get(path, params=asked[number % len(asked)]).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    return times


def measured(http: httpx2.Client, crowd: Crowd, looks: int) -> dict[str, dict[str, float]]:
    listed = http.get("/user", params={"user_id": crowd.talkative}).text
    memory_id = re.findall(r"memory_id=([0-9a-f]{32})", listed)[0]
    result = {}
    for path, asked in looks_of(crowd, memory_id).items():
        if asked:
            cuts = statistics.quantiles(times_ms(http, path, asked, looks), n=100)
            result[path] = {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1)}
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=100, help="at each page")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(arguments)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    crowd = replace(Crowd(), sessions=wanted.sessions)
    with (
        tempfile.TemporaryDirectory() as journal,
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as store,
        Deployment(redis.url, store.url, "http://127.0.0.1:9/api/v1") as deployment,
    ):
        seed(deployment, crowd)
        with visitor(deployment, journal) as http:
            wait_until(
                lambda: "memory_id=" in http.get("/user", params={"user_id": "user-0001"}).text,
                "searchable",
            )
            load = os.getloadavg()[0]
            result = measured(http, crowd, wanted.looks)
    if wanted.json:
        print(json.dumps(result))
        return
    print(f"{wanted.sessions} sessions; load {load:.1f}; ms")
    print(f"{'page':<22} {'p50':>8} {'p95':>8}")
    for path, each in result.items():
        over = "" if each["p95"] <= _TARGET_MS else f"  over {_TARGET_MS}"
        print(f"{path:<22} {each['p50']:8.1f} {each['p95']:8.1f}{over}")


if __name__ == "__main__":
    main()
