"""All that belongs to one process: backlogs, sender, ids, clock, counters. A forked child makes
its own and leaves the parent's alone.
"""

import asyncio
import logging
import sys
import time
import zlib

from tablestore_memory.producer.backlog import Backlog, MemoryBacklog, Overflow, Record
from tablestore_memory.producer.clock import Clock, EventIds
from tablestore_memory.producer.connection import connect
from tablestore_memory.producer.counters import Counters, Stats
from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.dead_letters import DeadLetters, Letter, Requeued
from tablestore_memory.producer.drops import CLOSED, QUEUE_FULL, Drops, OnDrop
from tablestore_memory.producer.errors import (
    BlockingInEventLoop,
    QueueFull,
)
from tablestore_memory.producer.journal import Journal
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.orphans import Orphans
from tablestore_memory.producer.sender import Sender
from tablestore_memory.producer.settings import Settings
from tablestore_memory.producer.spool import Spool, target_directory
from tablestore_memory.producer.transport import RedisTransport
from tablestore_memory.protocol.errors import MalformedEvent
from tablestore_memory.protocol.events import decode, partition_key
from tablestore_memory.protocol.streams import Streams

_POLL_S = 0.005


class Outbox:
    """Accepts encoded events from any thread, without a lock and without waiting."""

    def __init__(self, settings: Settings, *, on_drop: OnDrop | None, logger: logging.Logger):
        self._settings = settings
        self.ids = EventIds()
        self.clock = Clock()
        log = RateLimitedLog(logger)
        target = target_directory(settings.journal_dir, settings.redis_url, settings.prefix)
        self._dead_letters = DeadLetters(target)
        self.drops = Drops(self._dead_letters, on_drop=on_drop, log=log)
        self._damaged = Damaged(target, log)
        adopted = Orphans(target, self._damaged, log)
        self._counters = Counters()
        self._memory = MemoryBacklog(
            max_events=settings.queue_events, max_bytes=settings.queue_bytes
        )
        self._journal = Journal(
            lambda: Spool.create(target),
            segment_bytes=settings.segment_bytes,
            max_bytes=settings.journal_bytes,
            damaged=self._damaged,
            log=log,
        )
        self._backlogs = self._arranged()
        self._blocks = settings.when_full == "block"
        self._sender = Sender(
            [self._backlogs.first, self._backlogs.second],
            transport=RedisTransport(
                lambda: connect(settings.redis_url),
                Streams(settings.prefix, settings.partitions),
                now_us=self.clock.now_us,
                log=log,
            ),
            find_orphans=lambda: adopted.find(self._journal.path),
            on_failing=self._on_failing,
            counters=self._counters,
            drops=self.drops,
            producer=self.ids.producer,
            settings=settings,
            log=log,
        )

    def start(self) -> None:
        self._sender.start()

    def accept(self, data: bytes, partition_key: str, now_us: int) -> None:
        """Keep it for Redis. Raises QueueFull or BlockingInEventLoop, if the policy says so."""
        if self._blocks and asyncio._get_running_loop() is not None:
            raise BlockingInEventLoop("use when_full='drop_oldest' or 'raise' in async code")
        record = Record(zlib.crc32(partition_key.encode()), now_us, data)
        self._counters.begun += 1
        if not self._backlogs.append(record):
            self._make_room(record)
        if self._sender.idle:
            self._sender.ring()

    def _make_room(self, record: Record) -> None:
        """Memory and disk are full: the policy decides."""
        if self._settings.when_full == "drop_oldest":
            self._drop_oldest(record)
        elif not self._appended_in_time(record):
            self._counters.refused += 1
            raise QueueFull(f"{len(self._memory)} events wait for Redis, and the journal is full")

    def _drop_oldest(self, record: Record) -> None:
        while True:
            oldest = self._memory.pop_oldest()
            self.drops.drop(oldest or record, QUEUE_FULL)
            if oldest is None or self._backlogs.append(record):
                return

    def _appended_in_time(self, record: Record) -> bool:
        if not self._blocks:
            return False
        deadline = time.monotonic() + self._settings.block_timeout_s
        while time.monotonic() < deadline:
            time.sleep(_POLL_S)
            if self._backlogs.append(record):
                return True
        return False

    def flush(self, timeout: float) -> bool:
        """Wait until all that was accepted before is settled. False: not within the timeout."""
        return self._sender.wait(self._counters.begun, timeout)

    def requeue(self, timeout: float) -> Requeued | None:
        """Send the dead letters once more. None: not all within the timeout; they stay for another time."""
        deadline = time.monotonic() + timeout
        return self._dead_letters.requeue(
            self._sent_again, lambda: self.flush(max(0.0, deadline - time.monotonic()))
        )

    def _sent_again(self, letter: Letter) -> bool:
        data = letter.event.encode()
        try:
            event = decode(data)
        except MalformedEvent:
            return False
        self.accept(data, partition_key(event), letter.accepted_us or round(letter.at * 1e6))
        return True

    def close(self, timeout: float) -> bool:
        """Deliver for so long, keep the rest on disk. True: nothing is left."""
        ended = self._sender.stop(timeout)
        # From now on there is no sender: what still comes goes to disk for the next process.
        self._backlogs = Overflow(self._journal, self._journal)
        self._save(self._sender.unsaved)
        self._journal.close(reader_ended=ended)
        self.drops.tell()
        return ended and self.stats().pending == 0

    def abandon(self) -> None:
        """In a forked child: the parent delivers all of this."""
        self._journal.forget()

    def stats(self) -> Stats:
        counters, drops = self._counters, self.drops
        accepted = counters.begun - counters.refused
        flying = self._sender.in_flight
        waited_us = self.clock.now_us() - flying[0].accepted_us if flying else 0
        return Stats(
            accepted=accepted,
            acked=counters.acked,
            pending=accepted - counters.acked - drops.total,
            dropped=drops.counts.copy(),
            refused=counters.refused,
            sent=counters.sent,
            retried=counters.retried,
            replayed=counters.replayed,
            memory_events=len(self._memory) + len(self._sender.unsaved),
            memory_bytes=self._memory.size,
            journal_bytes=self._journal.size,
            journal_damaged=self._damaged.stretches,
            oldest_age_s=waited_us / 1e6,
            last_error=self._sender.last_error,
        )

    @property
    def _in_memory(self) -> bool:
        return self._settings.durability == "memory"

    def _arranged(self) -> Overflow:
        backlogs: tuple[Backlog, Backlog] = (self._journal, self._memory)
        return Overflow(*(reversed(backlogs) if self._in_memory else backlogs))

    def _on_failing(self, failing: bool) -> None:
        """While Redis is away, what comes goes to disk; what is in memory is older and stays."""
        self._backlogs.spilling = failing and self._in_memory

    def _save(self, unsaved: list[Record]) -> None:
        """Whatever is in memory only, to disk; nobody comes for what finds no room."""
        left = [*unsaved, *self._memory.take(sys.maxsize, sys.maxsize)]
        kept = self._journal.prepend(left) if self._in_memory else 0
        for record in left[kept:]:
            if not self._journal.append(record):
                self.drops.drop(record, CLOSED)
