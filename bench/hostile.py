"""One item that hurts its step, 1,000 bystanders behind it in its partition: how long they wait, where it ends.

    python -m bench.hostile [--bystanders 1000] [--steps events requests sessions] [--kinds spin hang …]

The workers are the Procfile's, with steps that suffer what an item says (tests/failures/hostile_worker.py);
Redis is real, Tablestore and Qwen are the local ones, the index 1–3 s behind. Events and requests are hurt by
one kind at a time, in a deployment of its own, beside a run that nothing hurts; sessions by all kinds at once,
as nobody stands behind a session.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devtools.child import Child
from devtools.deployment import Deployment
from devtools.servers import Server, wait_until
from tablestore_memory.protocol.events import Event, Message, Remember, SessionEnd, encode
from tablestore_memory.protocol.streams import EVENT_FIELD
from tablestore_memory.worker.operations.backlog import backlog
from tablestore_memory.worker.state.dead_letters import DeadLetter

ROOT = Path(__file__).parents[1]
APP, HOSTILE_APP = "tablestore_memory.worker.main", "tests.failures.hostile_worker"
KINDS = ("spin", "hang", "kill", "raise", "leave", "recurse")
STEPS = {"events": "ingest", "requests": "requests", "sessions": "extract"}
TEXTS = (
    "I live in {}land.",
    "I'm allergic to {}nuts.",
    "My favourite colour is {}.",
    "I collect {} stamps.",
    "I play the {}horn.",
)
PARTITION = 0
PATIENCE_S = 1_200  # a session that hangs has six tries of two minutes
VARIABLES = {"MEMORY_QWEN_RPM": "1000000", "MEMORY_IDLE_S": "30"} | {
    f"MEMORY_{kind.upper()}_TABLE": kind for kind in ("session", "message", "memory", "history")
}


@dataclass(frozen=True)
class Figures:
    """Seconds from publishing on."""

    readable_s: float
    searchable_s: float
    letters: dict[str, tuple[float, DeadLetter]]


class Workers:
    """Those of the Procfile, ready."""

    def __init__(self, deployment: Deployment, step: str) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = os.environ | deployment.environment
        variables |= {"HOSTILE_STEPS": STEPS[step], "PATH": path}
        self._children = [
            Child(
                name,
                ["/bin/sh", "-c", command.replace(APP, HOSTILE_APP)],
                ready=r" ready\.",
                environment=variables,
                folder=ROOT,
            )
            for name, command in procfile()
        ]

    def __enter__(self) -> Self:
        for child in self._children:
            child.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()


def procfile() -> list[tuple[str, str]]:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    named = (line.partition(": ") for line in lines)
    return [(name, command) for name, _, command in named if name != "server"]


def events(name: str, step: str, kinds: Sequence[str], bystanders: int) -> list[Event]:
    """The hostile ones, then what the bystanders said or asked for: five facts a user."""
    said = [said_by(step, f"{name}-hostile-{kind}", [f"hostile: {kind}"]) for kind in kinds]
    for number in range(bystanders // len(TEXTS)):
        user = f"{name}u{number}"
        said.append(said_by(step, user, [text.format(user) for text in TEXTS]))
    return [event for one in said for event in one]


def said_by(step: str, user: str, texts: Sequence[str]) -> list[Event]:
    if step == "requests":
        return [
            Remember(event_id=f"{user}-{n}", user_id=user, created_at=n + 1, text=text)
            for n, text in enumerate(texts)
        ]
    messages: list[Event] = [
        Message(
            event_id=f"{user}-{n}",
            message_id=f"{user}-{n}",
            user_id=user,
            session_id=user,
            created_at=n + 1,
            role="user",
            content=text,
        )
        for n, text in enumerate(texts)
    ]
    over = SessionEnd(event_id=f"{user}-over", user_id=user, session_id=user, created_at=9)
    return [*messages, over]


def publish(deployment: Deployment, published: Sequence[Event]) -> None:
    """All at once, so that no drain takes the first before the others stand behind it."""
    stream = deployment.services.streams.events(PARTITION)
    with deployment.services.redis.pipeline(transaction=True) as pipe:
        for event in published:
            pipe.xadd(stream, {EVENT_FIELD: encode(event)})
        pipe.execute()


def deployment_on(servers: Sequence[Server]) -> Deployment:
    return Deployment(*(server.url for server in servers), **VARIABLES)


def run(servers: Sequence[Server], step: str, kinds: Sequence[str], bystanders: int) -> Figures:
    deployment = deployment_on(servers)
    with Workers(deployment, step):
        began = time.monotonic()
        published = events(deployment.settings.prefix, step, kinds, bystanders)
        publish(deployment, published)
        readable_s = searchable_s = 0.0
        letters: dict[str, tuple[float, DeadLetter]] = {}

        def settled() -> bool:
            nonlocal readable_s, searchable_s
            passed = time.monotonic() - began
            for letter in deployment.services.dead.all():
                letters.setdefault(letter.name, (passed, letter))
            stored, searchable = bystanders_done(deployment, step, len(kinds))
            readable_s = readable_s or (passed if stored else 0)
            searchable_s = searchable_s or (passed if searchable else 0)
            time.sleep(0.1)
            return bool(searchable_s) and len(letters) == len(kinds)

        wait_until(settled, "everything settled", PATIENCE_S)
        check(deployment, published, kinds)
        return Figures(readable_s, searchable_s, dict(letters))


def bystanders_done(deployment: Deployment, step: str, hostile: int) -> tuple[bool, bool]:
    """Whether nothing of theirs waits to be stored; whether nothing of theirs is on its way."""
    now = backlog(deployment.services.redis, deployment.services.streams)
    held = hostile - now.dead  # read last: what is hostile is counted once at least
    stored = now.events + (now.requests if step == "requests" else 0)
    return stored - (0 if step == "sessions" else held) == 0, now.left - held == 0


def check(deployment: Deployment, published: Sequence[Event], kinds: Sequence[str]) -> None:
    """Every bystander has every row and finds every memory; who is hostile alone is in the dead letters."""
    for event in published:
        if not isinstance(event, Message | Remember) or "hostile" in event.user_id:
            continue
        text = event.text if isinstance(event, Remember) else str(event.content)
        word = next(word for word in text.split() if event.user_id in word).strip(".")
        if isinstance(event, Message):
            rows = deployment.services.sessions.messages(event.user_id, event.user_id)
            assert text in {row.text for row in rows}, f"not readable: {event.event_id}"
        found = deployment.texts(event.user_id)
        assert any(word in memory for memory in found), f"not searchable: {event.event_id}"
    for kind in kinds:
        assert sum(kind.encode() in letter.event for letter in deployment.services.dead.all()) == 1


def tell(step: str, kinds: Sequence[str], figures: Figures) -> None:
    times = f"{figures.readable_s:8.1f} {figures.searchable_s:10.1f}"
    ends = {
        kind: f"{passed:9.1f}  {letter.error}: {letter.reason}"
        for kind in kinds
        for passed, letter in figures.letters.values()
        if kind.encode() in letter.event
    }
    for kind, end in (ends or {"(none)": f"{'':9}"}).items():
        print(f"{step:<9} {kind:<8} {times} {end}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bystanders", type=int, default=1_000)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    wanted = parser.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    print(
        f"{wanted.bystanders} bystanders; load {os.getloadavg()[0]:.1f}; seconds from publishing on"
    )
    print("step      kind     readable searchable set aside  error: reason", flush=True)
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as tablestore,
        Server.start("dashscope") as qwen,
    ):
        servers = (redis, tablestore, qwen)
        with deployment_on(servers):  # makes the tables, which all share
            pass
        for step in wanted.steps:
            hurt = [wanted.kinds] if step == "sessions" else [[kind] for kind in wanted.kinds]
            for kinds in [[], *hurt]:
                figures = run(servers, step, kinds, wanted.bystanders)
                tell(step, kinds, figures)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
