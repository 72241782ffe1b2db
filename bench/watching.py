"""What it costs a worker to be watched, in one run: a backlog drained without metrics and traces, and with each.

    python -m bench.watching [--events 20000] [--rounds 8] [--json]

Three workers stand side by side and drain by turns, each time in another order, into one store. For traces every
second event begins one, as where an agent answers each message, and a collector takes the spans.
Each worker is compared with the one that has neither within a round; the median is told, the least and the most.
"""

import argparse
import json
import os
from contextlib import ExitStack
from functools import partial
from statistics import median

import msgspec

from bench.codecs import APPS
from bench.drained import Result
from bench.ingest import drained, event, kill_workers, prefill, warm_worker
from bench.sink import sink
from devtools.deployment import Deployment
from devtools.servers import Server
from tablestore_memory.protocol.events import Message

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
NEITHER, METRICS, TRACES = "neither", "metrics", "traces"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        redis = stack.enter_context(Server.start("redis", "--appendonly", "no"))
        store = stack.enter_context(
            Server.start("tablestore", "--data", ":memory:", "--index-lag", "0")
        )
        collector = stack.enter_context(sink())
        deployments = {
            name: stack.enter_context(deployment_of(redis.url, store.url, variables))
            for name, variables in watched_by(collector).items()
        }
        rounds = measured(deployments, options.events, options.rounds)
    result: Result = {"load_before": round(load, 1), "load_after": round(os.getloadavg()[0], 1)}
    result |= {name: told(rounds, name) for name in deployments}
    print(json.dumps(result, indent=None if options.json else 2))


def watched_by(collector: str) -> dict[str, dict[str, str]]:
    """The settings of each worker. Spans are sent while it drains, not after it."""
    sends = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": "500"}
    return {
        NEITHER: {"MEMORY_METRICS": "false"},
        METRICS: {"MEMORY_METRICS": "true"},
        TRACES: {"MEMORY_METRICS": "false", **sends},
    }


def deployment_of(redis: str, store: str, variables: dict[str, str]) -> Deployment:
    return Deployment(
        redis, store, "http://127.0.0.1:9/api/v1", MEMORY_MESSAGE_INDEX="false", **variables
    )


def measured(
    deployments: dict[str, Deployment], count: int, rounds: int
) -> list[dict[str, Result]]:
    """The figures of each, round by round."""
    workers = {name: warm_worker(each, APPS["native"]) for name, each in deployments.items()}
    found = []
    for number in range(rounds):
        turns = list(deployments)
        first = number % len(turns)
        results = {}
        for name in turns[first:] + turns[:first]:
            make = traced if name == TRACES else event
            filled = partial(prefill, deployments[name], count, f"round-{number}", make)
            results[name] = drained(deployments[name], workers[name], count, filled)
        found.append(results)
    for each in deployments.values():
        kill_workers(each)
    return found


def traced(number: int, run: str) -> Message:
    trace = f"{number // 2 + 1:032x}"
    return msgspec.structs.replace(event(number, run), traceparent=f"00-{trace}-{trace[16:]}-01")


def told(rounds: list[dict[str, Result]], name: str) -> Result:
    """The median of each figure; and how many per cent it is above that of a worker that has neither."""
    result: Result = {}
    for figure in ("events_per_s", "cpu_us_per_event"):
        result[figure] = median(each[name][figure] for each in rounds)
        if name != NEITHER:
            changes = [(each[name][figure] / each[NEITHER][figure] - 1) * 100 for each in rounds]
            spread = (median(changes), min(changes), max(changes))
            result[f"{figure}_percent"] = [round(each, 1) for each in spread]
    return result


if __name__ == "__main__":
    main()
