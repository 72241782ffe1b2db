"""Publishing for long and from many processes: memory flat, nothing lost, order kept.

    python bench/publisher_soak.py steady --seconds 600 --rate 5000
    python bench/publisher_soak.py many --events 1000000 --processes 8

Both start a Redis of their own and take the events out of it as a worker would, so that it stays
small; each prints what it measured and exits with 1 if something is missing or out of order.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import cast

import redis

from devtools.servers import Server
from tablestore_memory.producer import Publisher
from tablestore_memory.protocol.events import Message, decode
from tablestore_memory.protocol.streams import Streams

TEXT = "x" * 350
SESSIONS_PER_PROCESS = 20
ENDED_S = 5.0
LONG_CALL_S = 0.005


class Reader:
    """Deletes entries as a worker does, and keeps of each session what came last."""

    def __init__(self, url: str) -> None:
        self.received = 0
        self.repeated = 0
        self.out_of_order = 0
        self.changed_at = time.monotonic()
        self._last: dict[str, int] = defaultdict(lambda: -1)
        self._client = redis.Redis.from_url(url)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def end(self) -> None:
        """Once nothing has come for a while."""
        while time.monotonic() < self.changed_at + ENDED_S:
            time.sleep(0.1)
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        streams = Streams()
        while not self._ended.is_set():
            for partition in range(streams.partitions):
                name = streams.events(partition)
                found = self._client.xrange(name, count=1000)
                if entries := cast(list[tuple[bytes, dict[bytes, bytes]]], found):
                    self._take([entry[b"event"] for _, entry in entries])
                    self._client.xdel(name, *(entry_id for entry_id, _ in entries))
            time.sleep(0.005)

    def _take(self, events: list[bytes]) -> None:
        self.changed_at = time.monotonic()
        for data in events:
            event = decode(data)
            assert isinstance(event, Message)
            number = int(event.message_id)
            if number == self._last[event.session_id] + 1:
                self._last[event.session_id] = number
                self.received += 1
            elif number <= self._last[event.session_id]:
                self.repeated += 1
            else:
                self.out_of_order += 1


def publish(publisher: Publisher, process: int, number: int) -> None:
    publisher.message(
        user_id=f"u{process}",
        session_id=f"p{process}-s{number % SESSIONS_PER_PROCESS}",
        message_id=str(number // SESSIONS_PER_PROCESS),
        role="user",
        content=TEXT,
    )


def steady(url: str, directory: str, options: argparse.Namespace) -> bool:
    """One process at a steady rate. Its memory is looked at after the first tenth and at the end."""
    reader_process = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, int, int]] = reader_process.Queue()
    reader = reader_process.Process(target=_read_apart, args=(url, results))
    reader.start()
    publisher = Publisher(url, journal_dir=directory)
    total: int = options.seconds * options.rate
    slowest, slow, early = 0.0, 0, 0
    begin = time.perf_counter()
    for number in range(total):
        before = time.perf_counter()
        if (ahead := begin + number / options.rate - before) > 0.002:
            time.sleep(ahead)
            before = time.perf_counter()
        publish(publisher, 0, number)
        call = time.perf_counter() - before
        slowest, slow = max(slowest, call), slow + (call > LONG_CALL_S)
        if number == total // 10:
            early = _resident_kib()
    late = _resident_kib()
    took = time.perf_counter() - begin
    publisher.close(30)
    stats = publisher.stats()
    received, repeated, out_of_order = results.get(timeout=120)
    reader.join()
    print(f"{total:,} events in {took:.0f} s ({total / took:,.0f} a second)")
    print(f"resident memory: {early:,} KiB after a tenth, {late:,} KiB at the end")
    print(f"calls over {LONG_CALL_S * 1000:.0f} ms: {slow}, slowest {slowest * 1000:.2f} ms")
    print(stats)
    print(f"received {received:,}, repeated {repeated:,}, out of order {out_of_order:,}")
    return received == total and out_of_order == 0


def _read_apart(url: str, results: "multiprocessing.Queue[tuple[int, int, int]]") -> None:
    time.sleep(ENDED_S)
    reader = Reader(url)
    reader.end()
    results.put((reader.received, reader.repeated, reader.out_of_order))


def many(url: str, directory: str, options: argparse.Namespace) -> bool:
    """Many processes at once, as fast as they can."""
    share = options.events // options.processes
    context = multiprocessing.get_context("spawn")
    begin = time.perf_counter()
    children = [
        context.Process(target=_publish_share, args=(url, directory, process, share))
        for process in range(options.processes)
    ]
    for child in children:
        child.start()
    reader = Reader(url)
    for child in children:
        child.join()
    published = time.perf_counter() - begin
    reader.end()
    total = share * options.processes
    print(f"{total:,} events from {options.processes} processes in {published:.0f} s")
    print(f"received {reader.received:,}, repeated {reader.repeated:,}", end=", ")
    print(f"out of order {reader.out_of_order:,}")
    exited = all(child.exitcode == 0 for child in children)
    return exited and reader.received == total and reader.out_of_order == 0


def _publish_share(url: str, directory: str, process: int, share: int) -> None:
    with Publisher(url, journal_dir=directory) as publisher:
        for number in range(share):
            publish(publisher, process, number)
        if not publisher.flush(600):
            sys.exit(1)


def _resident_kib() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmRSS"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["steady", "many"])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        redis_dir, journal_dir = f"{directory}/redis", f"{directory}/journal"
        with Server.start("redis", "--dir", redis_dir, "--appendonly", "no") as server:
            run = steady if options.what == "steady" else many
            sys.exit(0 if run(server.url, journal_dir, options) else 1)


if __name__ == "__main__":
    main()
