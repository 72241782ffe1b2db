"""What the tests of the publisher's failures share: child processes that publish, and an account
of where each event is: in the stream, in a journal on disk, or nowhere.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tablestore_memory.producer.records import SegmentReader
from tablestore_memory.protocol.events import decode
from tablestore_memory.protocol.streams import EVENT_FIELD, WAITED_FIELD, Streams

END_TIMEOUT_S = 60  # generous: how long an exit takes is measured in bench/, not here


@dataclass
class Place:
    """A Redis, a prefix and a journal directory that one test has for itself."""

    redis_url: str
    prefix: str
    journal_dir: Path
    partitions: int = 4
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, scenario: str, **environment: str) -> subprocess.Popen[str]:
        """A process that runs one function of tests/failures/publisher_scenarios.py."""
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.failures.publisher_scenarios", scenario],
            env=os.environ | self._environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    def run(self, scenario: str, **environment: str) -> subprocess.Popen[str]:
        """The same, waited for."""
        child = self.start(scenario, **environment)
        child.wait(END_TIMEOUT_S)
        return child

    def _environment(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.redis_url,
            "MEMORY_PREFIX": self.prefix,
            "MEMORY_PARTITIONS": str(self.partitions),
            "MEMORY_JOURNAL_DIR": str(self.journal_dir),
        }

    def in_streams(self) -> Counter[str]:
        """How often each event id stands in the streams."""
        streams = Streams(self.prefix, self.partitions)
        found: Counter[str] = Counter()
        with redis.Redis.from_url(self.redis_url) as client:
            for partition in range(self.partitions):
                for _, entry in client.xrange(streams.events(partition)):
                    found[decode(entry[EVENT_FIELD.encode()]).event_id] += 1
        return found

    def waited_ms(self) -> dict[str, int | None]:
        """What each entry says of how long its event waited."""
        streams = Streams(self.prefix, self.partitions)
        waited: dict[str, int | None] = {}
        with redis.Redis.from_url(self.redis_url) as client:
            for partition in range(self.partitions):
                for _, entry in client.xrange(streams.events(partition)):
                    ms = entry.get(WAITED_FIELD.encode())
                    event_id = decode(entry[EVENT_FIELD.encode()]).event_id
                    waited[event_id] = None if ms is None else int(ms)
        return waited

    def messages_in_order(self) -> dict[str, list[str]]:
        """Per session, the event ids in stream order, first occurrences only."""
        streams = Streams(self.prefix, self.partitions)
        order: dict[str, dict[str, None]] = {}
        with redis.Redis.from_url(self.redis_url) as client:
            for partition in range(self.partitions):
                for _, entry in client.xrange(streams.events(partition)):
                    event = decode(entry[EVENT_FIELD.encode()])
                    order.setdefault(event.session_id or "", {})[event.event_id] = None
        return {session: list(ids) for session, ids in order.items()}

    def in_journals(self) -> set[str]:
        """The event ids on disk that nobody has settled."""
        found: set[str] = set()
        for path in sorted(self.journal_dir.rglob("*.journal")):
            reader = SegmentReader(path)
            while batch := reader.take(1000, 10**7, complete=True):
                found.update(decode(record.data).event_id for record in batch)
        return found

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()


def ids(process: str, count: int) -> set[str]:
    """The event ids that a scenario's process makes."""
    return {f"{process}-{number}" for number in range(count)}
