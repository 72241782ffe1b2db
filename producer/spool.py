"""Directories of journals: one a process, locked while it lives, adopted by others afterwards.

    JOURNAL_DIR/TARGET/PID-RANDOM/lock, 00000001.journal, …

TARGET stands for the Redis and the prefix, so that no event is ever replayed to another one. The
lock is flock: the kernel lets go of it however the process ends.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.segment import SegmentReader

_LOCK = "lock"
_BEING_MADE = ".new-"


def segment_name(number: int) -> str:
    return f"{number:08d}.journal"


def target_directory(journal_dir: str, redis_url: str, prefix: str) -> Path:
    """Where journals for this Redis and prefix stand; user, password and options do not matter."""
    url = urlsplit(redis_url)
    place = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}#{prefix}"
    return Path(journal_dir) / hashlib.sha256(place.encode()).hexdigest()[:16]


class Spool:
    """The directory of one process, held by its lock."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def create(cls, target: Path) -> Self:
        """A new one. Raises OSError. It appears under its name only once it is locked."""
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        hidden = target / f"{_BEING_MADE}{name}"
        hidden.mkdir(mode=0o700)
        lock_fd = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(hidden.rename(target / name), lock_fd)

    def release(self, *, keep: bool) -> None:
        """Give it up: delete it, or leave what is in it to whoever comes next."""
        if self._lock_fd < 0:
            return
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock_fd)
        self._lock_fd = -1

    def forget(self) -> None:
        """In a forked child: the directory stays the parent's. Closing our copy of the descriptor
        does not unlock it; LOCK_UN would."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


class Orphan:
    """The journal of a process that is gone: a source that empties and then deletes it."""

    durable = True

    def __init__(self, spool: Spool, log: RateLimitedLog) -> None:
        self._spool = spool
        self._log = log
        self._paths = sorted(spool.path.glob("*.journal"))
        self._reader: SegmentReader | None = None

    def take(self, events: int, size: int) -> list[Record]:
        while self._paths:
            try:
                reader = self._reader = self._reader or SegmentReader(self._paths[0])
                if records := reader.take(events, size, complete=True):
                    return records
                self._paths[0].unlink(missing_ok=True)
            except OSError as error:
                self._log.warning("journal.unreadable", path=self._paths[0], error=error)
            self._reader = None
            self._paths.pop(0)
        self._spool.release(keep=any(self._spool.path.glob("*.journal")))
        return []

    def settle(self) -> None:
        if self._reader is not None:
            self._reader.settle()

    def release(self) -> None:
        """Leave what is not replayed to the next process."""
        self._reader = None
        self._spool.release(keep=True)


def orphans(target: Path, own: Path | None, log: RateLimitedLog) -> Iterator[Orphan]:
    """Journals that nobody holds, each locked for us, oldest first."""
    with contextlib.suppress(OSError):
        found = [path for path in target.iterdir() if path != own and path.is_dir()]
        for path in sorted(found, key=lambda path: path.stat().st_mtime):
            if not path.name.startswith(_BEING_MADE) and (spool := _adopted(path)):
                yield Orphan(spool, log)


def _adopted(path: Path) -> Spool | None:
    """The directory, if its lock is free. Somebody else may have emptied it meanwhile."""
    try:
        lock_fd = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock_fd)
        return None
    return Spool(path, lock_fd)
