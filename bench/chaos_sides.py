"""The two sides that chaos is done to: this worker, and plain Celery with one task a message."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from bench import processes
from devtools.deployment import Deployment
from devtools.steady import Steady, spoken
from tablestore_memory.localcloud.lifetime import terminated_with_parent
from tablestore_memory.protocol.events import Message, encode
from tablestore_memory.protocol.streams import EVENT_FIELD

ROOT = str(Path(__file__).parents[1])
WORKERS = 2


class Side(ABC):
    """Workers that are killed and replaced, as a supervisor would; rows that are looked at in the end."""

    command: tuple[str, ...]

    def __init__(self, deployment: Deployment, sessions: list[str], rate: int) -> None:
        self.deployment = deployment
        self.sessions = sessions
        self.rate = rate
        self.events: Counter[str] = Counter()
        self._workers: list[subprocess.Popen[str]] = []
        self._killed_at: float | None = None

    def start(self) -> None:
        for _ in range(WORKERS):
            self._start_worker()
        time.sleep(4)  # until they are up

    def kill_one(self) -> None:
        """SIGKILL for a main process (its children end with it), or for one of its children."""
        leader = random.choice(self._workers).pid
        members = processes.of_session(leader)
        children = [pid for pid in members if pid != leader]
        victim = random.choice(children) if children and random.random() < 0.5 else leader
        if victim == leader:
            os.killpg(leader, signal.SIGKILL)
        elif victim in processes.of_session(leader):
            os.kill(victim, signal.SIGKILL)

    def replace_the_dead(self) -> None:
        for worker in list(self._workers):
            if worker.poll() is not None:
                self._workers.remove(worker)
                self._start_worker()

    def end(self) -> None:
        for worker in self._workers:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def contents(self, session: str) -> list[str]:
        return [said.text for said in self.deployment.services.sessions.messages(session, session)]

    def _start_worker(self) -> None:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", *self.command, "-c", "2"),
                *("--without-gossip", "--without-mingle"),
            ],
            env=os.environ | self.deployment.environment | {"REMAP_SIGTERM": "SIGQUIT"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=terminated_with_parent,
        )
        self._workers.append(worker)
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()

    def _read(self, worker: "subprocess.Popen[str]") -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            self.noted(line)

    @abstractmethod
    def noted(self, line: str) -> None:
        """Count what a worker logs."""

    @abstractmethod
    def hurt(self) -> bool:
        """A worker has failed, and has said so. True where workers say nothing."""

    @property
    @abstractmethod
    def published(self) -> int:
        """Messages so far."""

    @abstractmethod
    def stop_publishing(self) -> None:
        """Nothing is published after this."""

    @abstractmethod
    def settled(self) -> bool:
        """Nothing more will come of what was published. To be asked until it is so: it replaces the dead."""

    @abstractmethod
    def bill(self) -> dict[str, Any]:
        """End the workers, and count what was lost and what was not."""


class Hostile(threading.Thread):
    """Somebody else's client that appends what is no event to the same streams."""

    KINDS = (
        b"{",
        b"\xff\xfe",
        b'{"type": "message"}',
        b"[" * 100_000,
        b'{"type": "message", "event_id": "hostile", "user_id": "u", "session_id": "s", "created_at": 1,'
        b' "message_id": "m", "role": "user", "content": [{"type": "text", "text": {"a": 1}}]}',
        b'{"type": "remember", "event_id": "hostile", "user_id": "u", "created_at": NaN, "text": "x"}',
        b"",
    )

    def __init__(self, deployment: Deployment, rate: float) -> None:
        super().__init__(daemon=True)
        self.appended = 0
        self._place = deployment
        self._pause_s = 1 / rate
        self._ended = threading.Event()

    def run(self) -> None:
        streams, redis = self._place.services.streams, self._place.services.redis
        while not self._ended.wait(self._pause_s):
            stream = streams.events(random.randrange(self._place.settings.partitions))
            try:
                redis.xadd(stream, {EVENT_FIELD: self.KINDS[self.appended % len(self.KINDS)]})
            except RedisError:
                continue
            self.appended += 1

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def dead(self) -> int:
        return sum(letter.event in self.KINDS for letter in self._place.services.dead.all())


class Leased(Side):
    """Streams, drained under leases."""

    command = ("-A", "tablestore_memory.worker.main", "worker", "-Q", "ingest")

    def start(self) -> None:
        super().start()
        self._steady = Steady(self.deployment, self.rate, self.sessions)
        self._steady.start()
        self._hostile = Hostile(self.deployment, self.rate / 100)
        self._hostile.start()

    @property
    def published(self) -> int:
        return self._steady.published

    def stop_publishing(self) -> None:
        self._hostile.stop()
        self._steady.stop()
        assert self._steady.delivered, "Redis did not get all of it"

    def settled(self) -> bool:
        self.replace_the_dead()
        streams, redis = self.deployment.services.streams, self.deployment.services.redis
        return not any(
            redis.xlen(streams.events(p)) for p in range(self.deployment.settings.partitions)
        )

    def noted(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        self.events[entry.get("event", "")] += 1
        if entry.get("event") == "batch.stored":
            self.events["delivered"] += entry["entries"]
            self.events["again"] += entry["entries"] if entry["again"] else 0

    def hurt(self) -> bool:
        return self.events["task.failed"] + self.events["queue.paused"] > 0

    def bill(self) -> dict[str, Any]:
        self.end()
        lost = doubled = wrong = 0
        for session, count in self._steady.counts.items():
            wanted = [spoken(session, number) for number in range(count)]
            stored = self.contents(session)
            lost += len(set(wanted) - set(stored))
            doubled += len(stored) - len(set(stored))
            wrong += stored != wanted
        return {
            "lost": lost,
            "doubled": doubled,
            "sessions_out_of_order": wrong,
            "hostile": self._hostile.appended,
            "hostile_not_set_aside": self._hostile.appended - self._hostile.dead(),
            "dead": len(list(self.deployment.services.dead.all())) - self._hostile.dead(),
            "batches": self.events["batch.stored"],
            "deliveries_acknowledged": self.events["delivered"],
            "of_them_taken_before": self.events["again"],
            "failed_turns": self.events["task.failed"],
            "pauses": self.events["queue.paused"],
        }


class Plain(Side):
    """One task a message, with AgentScope's append; late acknowledgement, its best settings."""

    command = ("-A", "bench.plain_celery", "worker", "-Q", "plain", "--loglevel", "WARNING")

    def start(self) -> None:
        os.environ.update(self.deployment.environment)
        super().start()
        self._ended = threading.Event()
        self._counts = dict.fromkeys(self.sessions, 0)
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    @property
    def published(self) -> int:
        return sum(self._counts.values())

    def stop_publishing(self) -> None:
        self._ended.set()
        self._thread.join()
        self._rows, self._still_since = -1, time.monotonic()

    def settled(self) -> bool:
        """All there, or nothing new for so long that it will not come."""
        self.replace_the_dead()
        rows = sum(len(self.contents(session)) for session in self.sessions)
        if rows != self._rows:
            self._rows, self._still_since = rows, time.monotonic()
        time.sleep(1)
        return rows >= self.published or time.monotonic() - self._still_since > 60

    def noted(self, line: str) -> None:
        """Nothing that it logs is counted."""

    def hurt(self) -> bool:
        return True

    def bill(self) -> dict[str, Any]:
        self.end()
        lost = 0
        for session, count in self._counts.items():
            wanted = {spoken(session, number) for number in range(count)}
            lost += len(wanted - set(self.contents(session)))
        redis, prefix = self.deployment.services.redis, self.deployment.settings.prefix
        waiting = int(redis.llen(f"{prefix}:plain")) + int(redis.hlen(f"{prefix}:unacked"))
        return {"missing": lost, "of_them_still_queued": waiting, "lost": max(0, lost - waiting)}

    def _publish(self) -> None:
        from bench.plain_celery import append

        began, sent = time.monotonic(), 0
        while not self._ended.wait(0.01):
            for number in range(sent, int((time.monotonic() - began) * self.rate)):
                session = self.sessions[number % len(self.sessions)]
                raw = encode(self._message(session, self._counts[session])).decode()
                while not self._sent(append, raw):
                    time.sleep(0.2)
                self._counts[session] += 1
                sent = number + 1

    def _sent(self, append: Any, raw: str) -> bool:
        """Published again when Redis refused it: what is lost later is not the publisher's doing."""
        try:
            append.apply_async((raw,), retry=False)
        except Exception:  # noqa: BLE001 - kombu's and redis-py's alike
            return False
        return True

    def _message(self, session: str, number: int) -> Message:
        name = f"{session}-{number}"
        return Message(
            event_id=name,
            message_id=name,
            user_id=session,
            session_id=session,
            created_at=time.time_ns() // 1000,
            role="user",
            content=spoken(session, number),
        )
