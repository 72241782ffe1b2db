"""The background thread: takes batches, sends each until it is settled, then the next.

Nothing newer is sent before a batch is through, so order survives a failure. It alone waits for
the network; it ends only when told to.
"""

import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tablestore_memory.producer.backlog import Backlog, Record, Source
from tablestore_memory.producer.counters import Counters
from tablestore_memory.producer.drops import Drops
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.orphans import Orphan
from tablestore_memory.producer.settings import Settings
from tablestore_memory.producer.transport import RedisTransport

_BACKOFF_S = (0.05, 5.0)
"""Full jitter between nothing and a doubling bound: many agents must not come back as one."""
_IDLE_S = 1.0
_TROUBLE_S = 0.1
"""Between two looks at files that cannot be read, while other events go on."""
_TELL_BACKLOG_EVERY_S = 1.0
_ORPHANS_EVERY_S = 30.0
_ORPHANS_AT_ONCE = 16
"""Each holds two open files."""


class Sender:
    """`sources` are emptied in their order, journals of ended processes before all of them."""

    def __init__(
        self,
        sources: list[Backlog],
        *,
        transport: RedisTransport,
        find_orphans: Callable[[], Iterator[Orphan]],
        on_failing: Callable[[bool], None],
        counters: Counters,
        drops: Drops,
        producer: str,
        settings: Settings,
        log: RateLimitedLog,
    ) -> None:
        self.idle = False
        """Asleep until rung. Callers read it after they appended, and ring."""
        self.in_flight: list[Record] = []
        self.unsaved: list[Record] = []
        """Those in flight that are nowhere else."""
        self.last_error = ""
        self._sources = sources
        self._orphans: list[Orphan] = []
        self._transport = transport
        self._find_orphans = find_orphans
        self._on_failing = on_failing
        self._counters = counters
        self._drops = drops
        self._producer = producer
        self._settings = settings
        self._log = log
        # Looked up when made: gevent may have patched the module since it was imported.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiters: list[tuple[int, threading.Event]] = []
        self._stop_at: float | None = None
        self._abandoned = False
        self._taking = threading.Lock()
        """Held while events change hands, so that `stop` finds each of them somewhere."""
        self._undelivered: tuple[Source, list[Record]] | None = None
        """What was taken when something unforeseen happened: it is tried again."""
        self._last_was_full = False
        self._seek_orphans_at = 0.0
        self._reported: dict[str, int] = {}
        self._told_backlog = False
        self._tell_backlog_at = 0.0
        self._thread = threading.Thread(target=self._run, name="memory-publisher", daemon=True)

    def start(self) -> None:
        """CPython 3.12.0 to 3.12.2 start no thread once the main one has ended: then `stop` does the work."""
        with suppress(RuntimeError):
            self._thread.start()

    def ring(self) -> None:
        """Wake it, or cut its pause short."""
        self._bell.put(None)

    def wait(self, target: int, timeout: float) -> bool:
        """Until so many events are settled, without lingering meanwhile."""
        waiter = (target, threading.Event())
        self._waiters.append(waiter)
        self.ring()
        reached = self._settled() >= target or waiter[1].wait(timeout)
        self._waiters.remove(waiter)
        return reached

    def stop(self, timeout: float) -> bool:
        """Deliver what there is, but no longer than this, and end. False: it is still busy."""
        self._stop_at = time.monotonic() + timeout
        self.ring()
        if self._thread.ident is None:  # never started
            self._run()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        with self._taking:
            self._abandoned = True
        return not self._thread.is_alive()

    def _run(self) -> None:
        more = True
        while more and not self._over():
            try:
                more = self._step()
            except Exception as error:  # noqa: BLE001 - nobody else would send the rest
                self._log.warning("sender.failed", error=type(error).__name__)
                self._pause(_IDLE_S)
        for orphan in self._orphans:
            orphan.release()
        self._chores()
        self._transport.close()

    def _step(self) -> bool:
        """One batch, or one rest. False: told to end, and there is nothing left."""
        self._linger()
        stopping = self._stop_at is not None  # seen before the look that finds nothing
        with self._taking:
            source, batch = (None, []) if self._abandoned else self._take()
            self.unsaved = [] if source is None or source.durable else batch
        if source is not None:
            self._deliver(source, batch)
        elif not stopping:
            self._rest()
        return source is not None or not stopping

    def _over(self) -> bool:
        """Told to end, and either late or without a Redis that answers."""
        if self._stop_at is None:
            return False
        return bool(self.last_error) or time.monotonic() > self._stop_at

    def _linger(self) -> None:
        """Let a small batch grow, unless somebody waits for it."""
        if not (self._last_was_full or self._waiters or self._stop_at is not None):
            self._pause(self._settings.linger_s)

    def _take(self) -> tuple[Source | None, list[Record]]:
        if self._undelivered is not None:
            return self._undelivered
        self._seek_orphans()
        for source in (*self._orphans, *self._sources):
            if batch := self._taken(source):
                self._last_was_full = len(batch) == self._settings.batch_events
                return source, batch
        if self._orphans:
            self._orphans.clear()
            self._seek_orphans_at = 0.0  # there may be more of them
        self._last_was_full = False
        return None, []

    def _taken(self, source: Source) -> list[Record]:
        """A source that fails does not keep the others from being sent."""
        try:
            return source.take(self._settings.batch_events, self._settings.batch_bytes)
        except Exception as error:  # noqa: BLE001 - of its files: the disk may come back
            self._log.warning("journal.unreadable", error=type(error).__name__)
            if isinstance(source, Orphan):
                source.release()
                self._orphans.remove(source)
            else:
                self._pause(_TROUBLE_S)
            return []

    def _seek_orphans(self) -> None:
        if self._orphans or time.monotonic() < self._seek_orphans_at:
            return
        self._seek_orphans_at = time.monotonic() + _ORPHANS_EVERY_S
        for orphan in itertools.islice(self._find_orphans(), _ORPHANS_AT_ONCE):
            self._orphans.append(orphan)  # one by one: each holds a lock
        if self._orphans:
            self._log.info("journal.replaying", journals=len(self._orphans))

    def _rest(self) -> None:
        """Sleep until there is work. A caller that appends after the flag is up rings; what was
        appended before it is found by looking once more."""
        self._chores()
        self.idle = True
        if all(source.is_empty() for source in self._sources):
            self._pause(_IDLE_S)
        self.idle = False

    def _deliver(self, source: Source, batch: list[Record]) -> None:
        """Send until nothing of the batch is left; return early only to end."""
        own = not isinstance(source, Orphan)
        attempt = 0
        while batch:
            self._undelivered = source, batch
            self.in_flight = batch
            self.unsaved = [] if source.durable else batch
            batch = self._send(batch, own=own)
            if self._abandoned:  # `close` gave up waiting and kept the batch: not ours to settle
                return
            if batch:
                attempt += 1
                self._counters.retried += len(batch)
                if self._over():
                    return
                self._pause(_backoff_s(attempt))
        self._undelivered = None
        self.in_flight = self.unsaved = []
        source.settle()

    def _send(self, batch: list[Record], *, own: bool) -> list[Record]:
        """One attempt. What has to be sent again."""
        outcome = self._transport.append(batch)
        if self._abandoned:
            return batch
        self._counters.sent += len(batch)
        for record, cause in outcome.rejected:
            self._log.warning("event.dead_lettered", cause=cause)
            self._drops.reject(record, cause)
        if own:
            self._counters.acked += outcome.appended
        else:
            self._counters.replayed += outcome.appended
        self._note_health(outcome.cause, waiting=len(outcome.unsent))
        self._tell_backlog()
        self._wake_waiters()
        return outcome.unsent

    def _note_health(self, cause: str, *, waiting: int) -> None:
        if cause:
            self._log.warning("redis.unavailable", cause=cause, batch=waiting)
        elif self.last_error:
            self._log.info("redis.back")
            self._tell_backlog_at = 0.0  # what was told while it was away was heard by nobody
        self.last_error = cause
        self._on_failing(bool(cause))
        if cause:
            self._drops.tell()

    def _chores(self) -> None:
        self._wake_waiters()
        self._drops.tell()
        counts = self._drops.counts.copy()
        if counts != self._reported and self._transport.report_dropped(self._producer, counts):
            self._reported = counts
        if self._told_backlog and self._transport.report_backlog(self._producer, 0):
            self._told_backlog = False

    def _tell_backlog(self) -> None:
        """More than a batch is more than what is just on its way."""
        pending = self._counters.begun - self._settled()
        if pending <= self._settings.batch_events or time.monotonic() < self._tell_backlog_at:
            return
        self._tell_backlog_at = time.monotonic() + _TELL_BACKLOG_EVERY_S
        self._told_backlog |= self._transport.report_backlog(self._producer, pending)

    def _settled(self) -> int:
        return self._counters.acked + self._counters.refused + self._drops.total

    def _wake_waiters(self) -> None:
        if self._waiters:
            settled = self._settled()
            for target, event in self._waiters.copy():
                if settled >= target:
                    event.set()

    def _pause(self, seconds: float) -> None:
        try:
            self._bell.get(timeout=seconds)
        except queue.Empty:
            return


def _backoff_s(attempt: int) -> float:
    least, most = _BACKOFF_S
    return random.uniform(0, min(most, least * 2 ** min(attempt, 10)))
