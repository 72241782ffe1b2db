"""How long a recall takes, how soon it tells what was published, and how many of them there may be.

    python -m bench.recall [--short] [--json]

One user has 1,000 memories and 10,000 messages, beside bystanders. Redis is real; Tablestore and Qwen are the
local ones, each a Python process on one core, so that under load it is these that are measured. Callers are
threads of one process that ask without a pause.
"""

import argparse
import gc
import json
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bench import processes
from devtools.deployment import Deployment
from devtools.servers import Server, wait_until
from devtools.steady import Steady
from tablestore_memory.protocol.events import Message
from tablestore_memory.recall import LATE, Recall, Recalled, finding
from tablestore_memory.worker.operations.backlog import backlog
from tablestore_memory.worker.stores.memories import Memory, Source
from tablestore_memory.worker.stores.message_index import said_with
from tablestore_memory.worker.stores.rows import RowWrite, message_row
from tablestore_memory.worker.stores.write import write_all
from tablestore_memory.worker.telemetry import configure_logging

USER, BYSTANDERS = "bench", 10
MEMORIES, MESSAGES, A_SESSION = 1_000, 10_000, 40
CALLERS = 4
DEADLINE_S = 0.5
INGESTED_A_SECOND = 200
BEGAN_US = 1_700_000_000_000_000
MINUTE_US = 60_000_000

WORDS = """
Ana Bo Cy Dora Eli Finn Gus Hana Ivo Jana Kai Lea Mia Nils Ole Pia Rosa Sven Tom Uma
likes loves visited painted bought cooked repaired sold found lost photographed wants
green blue old new small large wooden silver Italian Danish quiet noisy sweet bitter
tea boat house bicycle garden guitar camera cake lamp horse river bridge clock kite
Paris Rome Lisbon Oslo Kyoto Lima Cairo Delhi Quito Riga Bergen Turin Ghent Porto
"""
NAMES, DEEDS, KINDS, THINGS, PLACES = (line.split() for line in WORDS.strip().splitlines())


def sentence(rng: random.Random) -> str:
    pick = rng.choice
    return f"{pick(NAMES)} {pick(DEEDS)} the {pick(KINDS)} {pick(THINGS)} in {pick(PLACES)}."


def question(rng: random.Random) -> str:
    pick = rng.choice
    return f"What does {pick(NAMES)} think of the {pick(THINGS)} in {pick(PLACES)}?"


# What there is to recall


def fill(deployment: Deployment) -> None:
    """The user's memories and messages, and a tenth of them for each bystander."""
    remember(deployment, USER, MEMORIES, MESSAGES)
    for number in range(BYSTANDERS):
        remember(deployment, f"bystander-{number}", MEMORIES // 10, MESSAGES // 10)
    memories = deployment.services.memories
    wait_until(lambda: len(memories.of_user(USER)) == MEMORIES, "all memories searchable")
    wait_until(lambda: said(deployment, said_last(MESSAGES)), "all messages searchable")


def remember(deployment: Deployment, user: str, memories: int, messages: int) -> None:
    rng = random.Random(user)
    texts = [sentence(rng) for _ in range(messages)]
    names, tablestore = deployment.services.names, deployment.services.tablestore
    texts[-1] = said_last(messages)
    events = [message(user, number, text) for number, text in enumerate(texts)]
    rows: list[RowWrite] = [message_row(names.message, event, 1) for event in events]
    latest = {event.session_id: event.created_at for event in events}
    rows += [deployment.services.sessions.row(user, *each) for each in latest.items()]
    write_all(tablestore, rows)
    for session, at in latest.items():
        deployment.services.sessions.advance_watermark(user, session, 0, at)
    chosen = sorted(rng.sample(range(messages - 1), memories))
    facts = [fact(events[number], number) for number in chosen]
    vectors = deployment.services.qwen.embed([each.text for each in facts])
    write_all(
        tablestore,
        [deployment.services.memories.row(*each) for each in zip(facts, vectors, strict=True)],
    )


def message(user: str, number: int, text: str) -> Message:
    session = f"{user}-{number // A_SESSION}"
    return Message(
        event_id=f"{user}-{number}",
        message_id=f"{user}-{number}",
        user_id=user,
        session_id=session,
        created_at=BEGAN_US + number * MINUTE_US,
        role="user" if number % 2 else "assistant",
        content=text,
    )


def fact(event: Message, number: int) -> Memory:
    """What the message says; numbered, as equal facts would be one."""
    text = f"{event.content} ({number})"
    source = Source(event.message_id, str(event.content), event.session_id, 1, event.created_at)
    return Memory(
        user_id=event.user_id,
        text=text,
        session_id=event.session_id,
        valid_from=event.created_at,
        stated_at=event.created_at,
        sources=(source,),
    ).identified()


def said_last(messages: int) -> str:
    return f"utterance{messages}"


def said(deployment: Deployment, text: str) -> bool:
    services = deployment.services
    return bool(said_with(services.tablestore, services.names.message, USER, text, 1))


# One recall, while others ask too


@dataclass
class Times:
    """Of calls, in ms."""

    each: list[float] = field(default_factory=list)

    def percentiles(self) -> dict[str, float]:
        if len(self.each) < 2:
            return {}
        cuts = statistics.quantiles(self.each, n=100)
        return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}


def timed(call: Callable[[int], object], calls: int, callers: int = CALLERS) -> Times:
    """So many callers at once, without a pause."""
    times = Times()
    numbers = count()

    def ask() -> None:
        while (number := next(numbers)) < calls:
            began = time.perf_counter()
            call(number)
            times.each.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def frozen(call: Callable[[int], object], calls: int) -> Times:
    """In an app that freezes what it has loaded, once it has started (docs/recall.md)."""
    gc.collect()
    gc.freeze()
    try:
        return timed(call, calls)
    finally:
        gc.unfreeze()


def latencies(deployment: Deployment, recall: Recall, calls: int) -> dict[str, Any]:
    """Of recalls with new questions and with known ones, beside the searches that one makes, each alone."""
    rng = random.Random(1)
    questions = [question(rng) for _ in range(calls)]
    new = [f"{text} {number}" for number, text in enumerate(questions)]
    missing: Counter[str] = Counter()

    def ask(text: str) -> None:
        for part in recall(user_id=USER, query=text, deadline_s=10).missing:
            missing[f"{part.part} {part.reason}"] += 1

    timed(lambda number: ask(questions[number]), min(calls, 50))
    clients, names = recall._clients, deployment.services.names
    vectors = deployment.services.qwen.embed(questions[:20], query=True)
    single = {
        "vector": timed(
            lambda n: clients.search.nearest(USER, vectors[n % 20], finding._NEAREST), calls
        ),
        "words of memories": timed(
            lambda n: clients.search.matching(USER, questions[n], finding._WORD_HITS), calls
        ),
        "words of messages": timed(
            lambda n: said_with(
                clients.tablestore, names.message, USER, questions[n], finding._WORD_HITS
            ),
            calls,
        ),
        "embedding": timed(
            lambda n: clients.dashscope.embedding(  # type: ignore[union-attr]
                deployment.settings.embedding_model,
                deployment.settings.embedding_dimension,
                new[n],
                user_id=USER,
                timeout_s=10,
            ),
            calls,
        ),
    }
    return {
        "recall, new questions": timed(lambda n: ask(new[n]), calls).percentiles(),
        "recall, with what stays frozen": frozen(lambda n: ask(new[n] + "?"), calls).percentiles(),
        "recall, questions asked before": timed(
            lambda n: ask(questions[n % 40]), calls
        ).percentiles(),
        "recall, one caller": timed(
            lambda n: ask(new[n] + "!"), calls // 4, callers=1
        ).percentiles(),
        "single": {name: times.percentiles() for name, times in single.items()},
        "missing": dict(missing),
    }


# From publish to a recall that tells it


def freshness(deployment: Deployment, recall: Recall, messages: int) -> dict[str, float]:
    """Each of a user of its own, asked for again and again until it is told."""
    times = Times()
    with deployment.publisher() as publisher:
        for number in range(messages):
            user, text = f"fresh-{number}", f"The code word is kiwi{number}."
            began = time.perf_counter()
            publisher.message(user_id=user, session_id=user, role="user", content=text)
            while text not in recall(user_id=user, query="What is the code word?").text:
                if time.perf_counter() - began > 10:
                    raise AssertionError("published and not told within ten seconds")
            times.each.append((time.perf_counter() - began) * 1000)
            time.sleep(0.05)
    return times.percentiles()


# What it costs, however busy the machine is


def cost(recall: Recall, store: int, model: int, calls: int = 100) -> dict[str, float]:
    """Of the caller, the store and the model, for a new question each."""
    rng = random.Random(2)

    def spent() -> list[float]:
        return [time.process_time(), processes.cpu_s(store), processes.cpu_s(model)]

    before = spent()
    for number in range(calls):
        recall(user_id=USER, query=f"{question(rng)} {number}?", deadline_s=10)
    each = [(now - then) * 1000 / calls for now, then in zip(spent(), before, strict=True)]
    return dict(zip(("caller", "store", "model"), (round(ms, 1) for ms in each), strict=True))


# As many as there may be


@dataclass
class Load:
    """Recalls at a steady rate, whatever becomes of them."""

    recall: Recall
    asked: int = 0
    late: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    times: Times = field(default_factory=Times)

    def run(self, rate: float, seconds: float) -> "Load":
        rng = random.Random(rate)
        with ThreadPoolExecutor(1_000) as callers:
            began = time.monotonic()
            for due in self._dues(rate, seconds):
                time.sleep(max(0.0, began + due - time.monotonic()))
                callers.submit(self._ask, question(rng), began + due)
        return self

    def _dues(self, rate: float, seconds: float) -> Iterator[float]:
        return (number / rate for number in range(int(rate * seconds)))

    def _ask(self, text: str, due: float) -> None:
        self.asked += 1
        try:
            found = self.recall(user_id=USER, query=text, deadline_s=DEADLINE_S)
        except Exception as error:  # noqa: BLE001 - counted: there must be none
            self.failed[type(error).__name__] += 1
            return
        self.times.each.append((time.monotonic() - due) * 1000)
        self.late += _is_late(found)
        for part in found.missing:
            if part.reason != LATE:
                self.failed[f"{part.part} {part.reason}"] += 1

    @property
    def holds(self) -> bool:
        return not self.failed and self.late <= self.asked / 100

    def told(self, rate: float) -> dict[str, Any]:
        return {
            "rate": round(rate, 1),
            "asked": self.asked,
            "late": self.late,
            "failed": dict(self.failed),
            **self.times.percentiles(),
        }


def _is_late(found: Recalled) -> bool:
    return any(part.reason == LATE for part in found.missing)


def load(deployment: Deployment, recall: Recall, seconds: float) -> dict[str, Any]:
    """The highest rate that holds, three times that, and the first again, while messages are ingested."""
    steady = Steady(deployment, INGESTED_A_SECOND, [f"steady-{n}" for n in range(20)])
    steady.start()
    rate = highest(recall, seconds / 6)
    held = Load(recall).run(rate, seconds)
    while not held.holds and rate > 1:
        rate *= 0.8
        held = Load(recall).run(rate, seconds)
    over = Load(recall).run(3 * rate, seconds)
    again = Load(recall).run(rate, seconds / 4)
    steady.stop()
    wait_until(lambda: not events(deployment), "all ingested")
    return {
        "holds": held.told(rate),
        "three times as many": over.told(3 * rate),
        "then again": again.told(rate),
        "ingested meanwhile": steady.published,
    }


def highest(recall: Recall, seconds: float) -> float:
    """About the highest rate that holds, in steps of a quarter."""
    rate = 4.0
    while Load(recall).run(rate * 1.25, seconds).holds:
        rate *= 1.25
    return rate


def events(deployment: Deployment) -> int:
    return backlog(deployment.services.redis, deployment.services.streams).events


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few seconds each")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args(arguments)
    configure_logging("WARNING", "console")
    calls, messages, seconds = (200, 20, 6.0) if wanted.short else (2_000, 200, 60.0)
    with (
        Server.start("redis", "--appendonly", "no") as redis,
        Server.start("tablestore", "--data", ":memory:", "--index-lag", "1-3") as tablestore,
        Server.start("dashscope") as qwen,
        Deployment(
            redis.url,
            tablestore.url,
            qwen.url,
            MEMORY_QWEN_RPM="100000",
            MEMORY_EMBEDDING_DIMENSION="1536",
        ) as deployment,
        Recall.from_env(deployment.environment) as recall,
    ):
        fill(deployment)
        result: dict[str, Any] = {"latency": latencies(deployment, recall, calls)}
        deployment.start_workers("ingest")
        result["published to recallable"] = freshness(deployment, recall, messages)
        result["load"] = load(deployment, recall, seconds)
        result["processor ms a recall"] = cost(recall, tablestore.pid, qwen.pid)
    print(json.dumps(result, indent=None if wanted.json else 2))


if __name__ == "__main__":
    main()
