"""Events on disk until Redis has them: survives SIGKILL, not power loss (nothing is fsynced).

The journal is the queue: callers append to a segment, the sender reads the same file, and a
segment is deleted once all of it is settled. No lock is taken on either side: an append is one
write() with O_APPEND, which the kernel orders. It never raises: without room or with a broken disk
`append` says False, and tries the disk again a few seconds later.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.records import packed
from tablestore_memory.producer.segment import Place, Segment, write_whole
from tablestore_memory.producer.spool import Spool, segment_name


class Journal:
    """A backlog in files, at most `max_bytes` of them. The directory is made when it is needed.

    After a disk error the disk is left alone for `pause_s`: often enough to notice that there is room again, and
    no load.
    """

    durable = True

    def __init__(
        self,
        make_spool: Callable[[], Spool],
        *,
        segment_bytes: int,
        max_bytes: int,
        damaged: Damaged,
        log: RateLimitedLog,
        pause_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_spool = make_spool
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._damaged = damaged
        self._log = log
        self._pause_s = pause_s
        self._monotonic = monotonic
        self._spool: Spool | None = None
        self._numbers = itertools.count(1)
        self._front = Place()
        """Of the oldest segment that is not yet done; each segment leads to the next."""
        self._current: Segment | None = None
        self._broken_until = 0.0
        self._appended = 0  # by callers
        self._taken = self._settled = 0  # by the sender

    @property
    def path(self) -> Path | None:
        """Where the files are, once there are some."""
        return self._spool.path if self._spool is not None else None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments())

    def _segments(self) -> Iterator[Segment]:
        segment = self._front.segment
        while segment is not None:
            yield segment
            segment = segment.after.segment

    def is_empty(self) -> bool:
        return self._appended == self._taken

    def append(self, record: Record) -> bool:
        data = packed(record)
        segment = self._current
        try:
            while segment is None or not segment.append(data):
                segment = self._roll(segment)
                if segment is None:
                    return False
        except OSError as error:
            self._fail(segment, error)
            return False
        self._appended += 1
        return True

    def prepend(self, records: list[Record]) -> int:
        """Put these before all others, for the next process. How many found room: all or none."""
        if not records:
            return 0
        try:
            segment = self._next_segment(0)
        except OSError as error:
            self._fail(None, error)
            return 0
        try:
            for record in records:
                write_whole(segment.fd, packed(record))
        except OSError as error:
            segment.path.unlink(missing_ok=True)
            self._fail(None, error)
            return 0
        segment.after, self._front = self._front, Place()
        self._front.take(segment)
        self._appended += len(records)
        return len(records)

    def _fail(self, segment: Segment | None, error: OSError) -> None:
        """Leave the disk alone for a while. Nothing may follow half a record in its segment."""
        if segment is not None:
            segment.sealed = True
        self._broken_until = self._monotonic() + self._pause_s
        self._log.warning("journal.broken", error=error)

    def _roll(self, full: Segment | None) -> Segment | None:
        """The segment after this one, made if there is room for it. Of two threads that make one, one
        throws its own away: each finds what it wrote before in front of what it writes next."""
        place = self._front if full is None else full.after
        if (following := place.segment) is not None:
            return following
        if self.size + self._segment_bytes > self._max_bytes:
            return None
        if self._monotonic() < self._broken_until:
            return None
        try:
            made = self._next_segment(next(self._numbers))
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                self._spool = None  # somebody deleted the directory: make another
            self._fail(None, error)
            return None
        following = place.take(made)
        if following is made:
            self._current = made
        else:
            made.path.unlink(missing_ok=True)
        return following

    def _next_segment(self, number: int) -> Segment:
        spool = self._spool = self._spool or self._make_spool()
        return Segment(spool.path / segment_name(number), self._segment_bytes)

    def take(self, events: int, size: int) -> list[Record]:
        while (segment := self._front.segment) is not None:
            complete = segment.sealed
            if records := segment.reader.take(events, size, complete=complete):
                self._taken += len(records)
                return records
            if complete:
                self._done(segment)
            elif segment.after.segment is None:
                break
            else:
                segment.sealed = True  # and look once more
        return []

    def _done(self, segment: Segment) -> None:
        self._front = segment.after
        if (stretches := segment.reader.damaged - segment.torn) > 0:
            self._damaged.set_aside(segment.path, "not all of it is intact", stretches=stretches)
        else:
            segment.path.unlink(missing_ok=True)

    def settle(self) -> None:
        self._settled = self._taken
        if (segment := self._front.segment) is not None:
            segment.reader.settle()

    def close(self, *, reader_ended: bool = True) -> None:
        """Delete the files, or leave what is not settled for the next process to replay. Whoever
        appends later gets a new directory. Nothing is deleted while the sender may be reading."""
        spool, self._spool, self._current = self._spool, None, None
        if spool is None:
            return
        for segment in self._segments():
            segment.sealed = True  # a thread in the middle of an append must write elsewhere
        if not reader_ended:
            spool.release(keep=True)
            return
        all_settled = self._appended == self._settled
        spool.release(keep=not all_settled or bool(self.take(1, 1)))
        self._front = Place()

    def forget(self) -> None:
        """In a forked child: the files are the parent's."""
        if self._spool is not None:
            self._spool.forget()
