"""Journals of processes that are gone: found, locked, emptied, deleted.

None of them can stop the others: a file that is damaged is read as far as it goes and set aside, one that
cannot be read now is left for later, and what is not ours is not touched.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from tablestore_memory.producer import damaged, dead_letters
from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.ownership import NotOurs, check_private
from tablestore_memory.producer.records import SegmentReader
from tablestore_memory.producer.spool import BEING_MADE, Spool

_NO_SPOOLS = (BEING_MADE, damaged.DIRECTORY, dead_letters.FILE)


class Orphan:
    """The journal of a process that is gone: a source that empties and then deletes it."""

    durable = True

    def __init__(self, spool: Spool, damaged: damaged.Damaged, log: RateLimitedLog) -> None:
        self._spool = spool
        self._damaged = damaged
        self._log = log
        self._paths = sorted(spool.path.glob("*.journal"))
        self._reader: SegmentReader | None = None

    def take(self, events: int, size: int) -> list[Record]:
        while self._paths:
            path = self._paths[0]
            try:
                reader = self._reader = self._reader or SegmentReader(path)
                if records := reader.take(events, size, complete=True):
                    return records
                self._done(path, reader)
            except OSError as error:  # the disk may come back, the file be of a later release
                self._log.warning("journal.unreadable", file=path.name, reason=_reason(error))
            except Exception as error:  # noqa: BLE001 - a file that no reader can stand
                self._damaged.set_aside(path, f"{type(error).__name__} while it was read")
            self._reader = None
            self._paths.pop(0)
        self._spool.release(keep=any(self._spool.path.glob("*.journal")))
        return []

    def _done(self, path: Path, reader: SegmentReader) -> None:
        if reader.damaged:
            reason = "not all of it is intact"
            self._damaged.set_aside(path, reason, stretches=reader.damaged)
        else:
            path.unlink(missing_ok=True)

    def settle(self) -> None:
        if self._reader is not None:
            self._reader.settle()

    def release(self) -> None:
        """Leave what is not replayed to the next process."""
        self._reader = None
        self._spool.release(keep=True)


class Orphans:
    """Those below one target directory."""

    def __init__(self, target: Path, damaged: damaged.Damaged, log: RateLimitedLog) -> None:
        self._target = target
        self._damaged = damaged
        self._log = log
        self._told: set[Path] = set()

    def find(self, own: Path | None) -> Iterator[Orphan]:
        """Those that nobody holds, each locked for us, oldest first; `own` is left alone."""
        for path in self._left(own):
            if (spool := self._adopted(path)) is not None:
                yield Orphan(spool, self._damaged, self._log)

    def _left(self, own: Path | None) -> list[Path]:
        try:
            check_private(self._target)
            with os.scandir(self._target) as entries:
                found = [
                    (entry.stat(follow_symlinks=False).st_mtime, Path(entry.path))
                    for entry in entries
                    if not entry.name.startswith(_NO_SPOOLS)
                ]
        except OSError as error:
            self._tell(self._target, error)
            return []
        return [path for _, path in sorted(found) if path != own]

    def _adopted(self, path: Path) -> Spool | None:
        try:
            check_private(path)
            return Spool.adopt(path)
        except OSError as error:
            self._tell(path, error)
            return None

    def _tell(self, path: Path, error: OSError) -> None:
        """What is another's is told once: they need not take it away. What is gone, somebody has emptied."""
        if isinstance(error, NotOurs) and path not in self._told:
            self._told.add(path)
            self._log.warning("journal.not_ours", reason=error)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
