"""Two runs over the same conversation, one of them killed again and again: do they end alike?

python -m tests.failures.extraction_kills --kills 200 LOCOMO_FILE…
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from devtools.deployment import Deployment
from devtools.extraction import memory_rows, store
from devtools.servers import Server
from tablestore_memory.localcloud.lifetime import terminated_with_parent
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory

STEPS = 50  # messages to servers that the extraction of a session takes, more or less
NO_LIMITS = {"MEMORY_QWEN_RPM": "1000000", "MEMORY_QWEN_TPM": "1000000000"}
Lines = Sequence[dict[str, Any]]
T = TypeVar("T", Memory, Replaced)


@dataclass(frozen=True)
class Outcome:
    """Everything an extraction leaves: memories with vectors and sources, history, watermarks, letters."""

    memories: list[Embedded]
    history: list[Replaced]
    watermarks: dict[str, int]
    dead: int
    kills: int
    calls: int


class Worker:
    """The process of tests/failures/extraction_worker.py."""

    def __init__(self, deployment: Deployment) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.failures.extraction_worker"],
            env=os.environ | deployment.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=terminated_with_parent,
        )

    def extract(self, *, die_at: int = 0) -> str:
        """Extract what waits in a child; at its n-th message to a server it dies. killed or ended."""
        assert self._process.stdin and self._process.stdout
        print(die_at, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def worker_of(deployment: Deployment) -> Iterator[Worker]:
    worker = Worker(deployment)
    try:
        yield worker
    finally:
        worker.stop()


def run(deployment: Deployment, lines: Lines, *, kills: int, seed: int = 1) -> Outcome:
    """Session by session, as they were said, with `kills` spread over them."""
    sessions = [list(group) for _, group in groupby(lines, key=lambda line: line["session_id"])]
    rng, killed = random.Random(seed), 0
    with worker_of(deployment) as worker:
        for number, session in enumerate(sessions, 1):
            store(deployment, *session)
            # Later sessions make up for those that ended before they could be killed.
            while killed < round(kills * number / len(sessions)):
                outcome = worker.extract(die_at=rng.randint(1, STEPS))
                assert outcome in ("killed", "ended"), outcome
                killed += outcome == "killed"
                if outcome == "ended" and number < len(sessions):
                    break
                if outcome == "ended":  # extracted again from its first message: nothing changes
                    deployment.services.due.add(session[0]["user_id"], session[0]["session_id"], 0)
            assert worker.extract() == "ended"
    users = sorted({line["user_id"] for line in lines})
    return outcome_of(deployment, users, killed)


def outcome_of(deployment: Deployment, users: Iterable[str], kills: int) -> Outcome:
    services = deployment.services
    ids = sorted(memory.document_id for memory in memory_rows(deployment))
    infos = [info for user in users for info in services.sessions.of_user(user)]
    return Outcome(
        memories=[
            replace(each, memory=_unreceived(each.memory)) for each in services.memories.get(ids)
        ],
        history=[_unreceived(old) for user in users for old in services.history.of_user(user)],
        watermarks={info.session_id: info.watermark for info in infos},
        dead=services.dead.count(),
        kills=kills,
        calls=services.budget.spent()["calls"],
    )


def _unreceived(told: T) -> T:
    """Without when it was received: two runs are not at the same time."""
    sources = tuple(replace(source, received_ms=0) for source in told.sources)
    return replace(told, received_ms=0, sources=sources)


def main() -> None:
    from devtools.locomo import lines as locomo_lines
    from devtools.locomo import slug

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("files", nargs="+", type=Path)
    wanted = parser.parse_args()
    lines = [
        line
        for file in wanted.files
        for line in locomo_lines(json.loads(file.read_text("utf-8")), slug(file.stem))
    ]
    with (
        Server.start("redis", "--dir", "/tmp", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "0") as prompt,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as lagging,
        Server.start("dashscope") as qwen,
    ):
        started = time.monotonic()
        with Deployment(redis.url, prompt.url, qwen.url, **NO_LIMITS) as deployment:
            quiet = run(deployment, lines, kills=0)
        print(
            f"undisturbed: {len(quiet.memories)} memories, {len(quiet.history)} replaced, "
            f"{quiet.calls} calls, {time.monotonic() - started:.0f} s",
            flush=True,
        )
        started = time.monotonic()
        with Deployment(redis.url, lagging.url, qwen.url, **NO_LIMITS) as deployment:
            killed = run(deployment, lines, kills=wanted.kills, seed=wanted.seed)
        print(
            f"with {killed.kills} kills: {len(killed.memories)} memories, "
            f"{len(killed.history)} replaced, {killed.calls} calls, "
            f"{time.monotonic() - started:.0f} s, seed {wanted.seed}"
        )
    same = [
        getattr(quiet, f) == getattr(killed, f)
        for f in ("memories", "history", "watermarks", "dead")
    ]
    print("memories, history, watermarks, dead letters equal:", same)
    sys.exit(not all(same))


if __name__ == "__main__":
    main()
