"""Chaos: publishers at a steady rate while workers are killed, Redis restarts and the store misbehaves.

    python bench/chaos.py [--kills 200] [--restarts 20] [--rate 150] [--plain]

One entry in a hundred is no event, from another client. Then every published message must be one row with
its content, in order, and nothing but those entries set aside. The bill
says what it took: deliveries, retries, time to recover. `--plain` does the same to one Celery task a
message, and says what that loses.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

# The root of the project instead of this folder, where this file would hide the package of its name.
sys.path[0] = str(Path(__file__).parents[1])
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

from bench.chaos_sides import Leased, Plain, Side  # noqa: E402
from devtools.deployment import Deployment  # noqa: E402
from devtools.faults import Faults  # noqa: E402
from devtools.servers import Server, wait_until  # noqa: E402

SESSIONS = 40
GRACE_S = 300
FAULTS: list[dict[str, Any]] = [
    {"kind": "error", "code": "OTSServerBusy", "probability": 0.05},
    {"kind": "error", "code": "OTSTimeout", "after": True, "probability": 0.02},
    {"kind": "reset", "probability": 0.02},
    {"kind": "latency", "seconds": 0.2, "probability": 0.05},
    {"kind": "rows", "every": 37, "probability": 0.1, "operation": "BatchWriteRow"},
    {"kind": "rows", "code": "OTSRowOperationConflict", "every": 50, "probability": 0.1},
]


def run(
    side_of: type[Side], *, kills: int, restarts: int, rate: int, away_s: float
) -> dict[str, Any]:
    """One run; the kills are spread over the time, and so are the restarts."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Server.start("redis", "--dir", directory, "--appendfsync", "always") as redis,
        Server.start(
            "tablestore", "--data", f"{directory}/rows.db", "--index-lag", "0", "--faults"
        ) as store,
        Deployment(redis.url, store.url, "http://127.0.0.1:9/api/v1") as deployment,
    ):
        side = side_of(deployment, [f"s{n}" for n in range(SESSIONS)], rate)
        side.start()
        set_faults(store)
        began = time.monotonic()
        injure(side, redis, store, kills=kills, restarts=restarts, away_s=away_s)
        side.stop_publishing()
        faults = happened(Faults(store.url))
        Faults(store.url).clear()
        calm = time.monotonic()
        with suppress(AssertionError):  # what is not settled by then stands in the bill
            wait_until(side.settled, "everything settled", GRACE_S)
        bill = side.bill()
        return {
            "published": side.published,
            "kills": kills,
            "restarts_of_redis": restarts,
            "faults_of_the_store": faults,
            "chaos_s": round(calm - began),
            "recovered_after_s": round(time.monotonic() - calm, 1),
            **bill,
        }


def injure(
    side: Side, redis: Server, store: Server, *, kills: int, restarts: int, away_s: float
) -> None:
    """In a random order: kill a worker's main process, or a child; restart Redis; take the store away."""
    what = ["kill"] * kills + ["redis"] * restarts + ["store"]
    random.shuffle(what)
    for injury in what:
        time.sleep(random.uniform(0.3, 1.5))
        side.replace_the_dead()
        if injury == "kill":
            side.kill_one()
        elif injury == "redis":
            redis.kill()
            redis.restart()
        else:
            store.kill()
            time.sleep(away_s)
            side.replace_the_dead()  # for all of them may have been killed just before
            wait_until(side.hurt, "a worker that says it failed", GRACE_S)
            store.restart()
            set_faults(store)
    side.replace_the_dead()


def set_faults(store: Server) -> None:
    for fault in FAULTS:
        Faults(store.url).add(**fault)


def happened(faults: Faults) -> dict[str, int]:
    """How often each kind of fault struck since the store was started last."""
    counts: Counter[str] = Counter()
    for fault in faults.listed():
        counts[f"{fault['kind']} {fault['code']}"] += fault["happened"]
    return dict(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--restarts", type=int, default=20)
    # Plain Celery does not keep up with more, and what waits cannot be told from what is lost.
    parser.add_argument("--rate", type=int, help="messages a second; 150, or 30 with --plain")
    parser.add_argument("--away", type=float, default=30, help="seconds without the store")
    parser.add_argument("--plain", action="store_true", help="plain Celery instead")
    options = parser.parse_args()
    bill = run(
        Plain if options.plain else Leased,
        kills=options.kills,
        restarts=options.restarts,
        rate=options.rate or (30 if options.plain else 150),
        away_s=options.away,
    )
    print(json.dumps(bill, indent=2))
    held = ("lost", "doubled", "sessions_out_of_order", "dead", "hostile_not_set_aside")
    if not options.plain and any(bill[name] for name in held):
        sys.exit("chaos: messages were lost, doubled, changed or set aside")


if __name__ == "__main__":
    main()
