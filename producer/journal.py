"""Events on disk until Redis has them: survives SIGKILL, not power loss (nothing is fsynced).

The journal is the queue: callers append to a segment, the sender reads the same file, and a
segment is deleted once all of it is settled. No lock is taken on either side: an append is one
write() with O_APPEND, which the kernel orders. It never raises: without room or with a broken disk
`append` says False, and tries the disk again a few seconds later.
"""

import itertools
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from producer.backlog import Record
from producer.log import RateLimitedLog
from producer.segment import Segment, SegmentReader, packed
from producer.spool import Spool, segment_name

_PAUSE_S = 5.0
"""After a disk error: often enough to notice that there is room again, and no load."""


class Journal:
    """A backlog in files, at most `max_bytes` of them. The directory is made when it is needed."""

    durable = True

    def __init__(
        self,
        make_spool: Callable[[], Spool],
        *,
        segment_bytes: int,
        max_bytes: int,
        log: RateLimitedLog,
    ) -> None:
        self._make_spool = make_spool
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._log = log
        self._spool: Spool | None = None
        self._numbers = itertools.count(1)
        self._segments: deque[Segment] = deque()
        self._current: Segment | None = None
        self._reader: SegmentReader | None = None
        self._broken_until = 0.0
        self._appended = self._taken = 0  # by callers; by the sender
        self._written_bytes = self._deleted_bytes = 0  # by callers; by the sender

    @property
    def path(self) -> Path | None:
        """Where the files are, once there are some."""
        return self._spool.path if self._spool is not None else None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._written_bytes - self._deleted_bytes

    def is_empty(self) -> bool:
        return self._appended == self._taken

    def append(self, record: Record) -> bool:
        data = packed(record)
        if self._written_bytes - self._deleted_bytes + len(data) > self._max_bytes:
            return False
        if self._broken_until and time.monotonic() < self._broken_until:
            return False
        try:
            self._write(data)
        except OSError as error:
            self._broken_until = time.monotonic() + _PAUSE_S
            self._log.warning("journal.broken", error=error)
            return False
        self._appended += 1
        return True

    def _write(self, data: bytes) -> None:
        segment = self._current
        while True:
            if segment is None or segment.sealed or segment.size > self._segment_bytes:
                segment = self._roll(segment)
            written = os.write(segment.fd, data)
            segment.size += written
            self._written_bytes += written
            if written != len(data):
                segment.sealed = True  # nothing may follow half a record
                raise OSError(f"{written} of {len(data)} bytes written")
            # Sealed meanwhile: the reader may have missed it. Written twice is one event.
            if not segment.sealed:
                return

    def _roll(self, full: Segment | None) -> Segment:
        """The next segment. Two threads may each make one; both are read."""
        if (current := self._current) is not full and current is not None:
            return current
        spool = self._spool = self._spool or self._make_spool()
        segment = Segment(spool.path / segment_name(next(self._numbers)))
        self._written_bytes += segment.size
        self._segments.append(segment)
        self._current = segment
        return segment

    def take(self, events: int, size: int) -> list[Record]:
        while self._segments:
            segment = self._segments[0]
            reader = self._reader = self._reader or SegmentReader(segment.path)
            complete = segment.sealed
            if records := reader.take(events, size, complete=complete):
                self._taken += len(records)
                return records
            if complete:
                self._delete(segment)
            elif segment is self._segments[-1]:
                break
            else:
                segment.sealed = True  # and look once more
        return []

    def _delete(self, segment: Segment) -> None:
        self._reader = None
        self._segments.popleft()
        self._deleted_bytes += segment.size
        segment.path.unlink(missing_ok=True)

    def settle(self) -> None:
        if self._reader is not None:
            self._reader.settle()

    def close(self) -> None:
        """Delete the files, or leave what is not settled for the next process to replay. Whoever
        appends later gets a new directory."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        settled = self.is_empty()
        for segment in self._segments:
            segment.sealed = True  # a thread in the middle of an append must write elsewhere
        self.settle()
        spool.release(keep=not settled or bool(self.take(1, 1)))
        self._segments.clear()
        self._current = self._reader = None

    def forget(self) -> None:
        """In a forked child: the files are the parent's."""
        if self._spool is not None:
            self._spool.forget()
