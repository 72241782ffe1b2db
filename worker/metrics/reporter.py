"""The counts of one process on their way to Redis: a thread that reports them, twice a second if there are any.

Counting costs no request, and nothing waits for a report. While Redis is away, counts grow by series, not by
event. What a killed process had not reported is lost: half a second of it.
"""

import os
import threading
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from redis import Redis

from tablestore_memory.producer.connection import REDIS_ERRORS
from tablestore_memory.worker.metrics.counts import Counts
from tablestore_memory.worker.metrics.events import count
from tablestore_memory.worker.metrics.tally import Series, Tally
from tablestore_memory.worker.state.keys import Keys

_EVERY_S = 0.5


class _Untold:
    """What one process has to tell. A report keeps its number until it is applied."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex
        self.tally = Tally()
        self.number = 0
        self.report: Mapping[Series, float] = {}
        self.counts: Counts | None = None
        self.telling = threading.Lock()
        self.has_thread = False

    def next_report(self) -> Mapping[Series, float]:
        if not self.report and (taken := self.tally.take()):
            self.report = taken
            self.number += 1
        return self.report


class Reporter:
    """Counts log events, as a processor of structlog. A child of a fork begins anew: the rest is its parent's."""

    def __init__(self, connect: Callable[[], Redis], keys: Keys, every_s: float = _EVERY_S) -> None:
        self._connect = connect
        self._keys = keys
        self._every_s = every_s
        self._untold = _Untold()
        os.register_at_fork(after_in_child=self._begin_anew)

    def __call__(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count it and pass it on."""
        untold = self._untold
        count(untold.tally, event)
        if not untold.has_thread:
            untold.has_thread = True
            self._start()
        return event

    def report(self) -> bool:
        """Tell Redis what was counted. False if it did not answer: nothing is lost, nothing counts twice."""
        untold = self._untold
        with untold.telling:
            if not (report := untold.next_report()):
                return True
            try:
                untold.counts = untold.counts or Counts(self._connect(), self._keys)
                untold.counts.add(untold.process, untold.number, report)
            except (*REDIS_ERRORS, OSError):
                return False
            untold.report = {}
            return True

    def end(self) -> None:
        """The last report of a process that ends."""
        if self.report():
            self.report()  # what was counted while one was under way

    def _begin_anew(self) -> None:
        self._untold = _Untold()

    def _start(self) -> None:
        with suppress(RuntimeError):  # the process ends: `end` tells what is left
            threading.Thread(target=self._run, name="report counts", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._every_s):
            self.report()
