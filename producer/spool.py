"""Directories of journals: one a process, locked while it lives, adopted by others afterwards.

    JOURNAL_DIR/TARGET/PID-RANDOM/lock, 00000001.journal, …

TARGET stands for the Redis, its user and the prefix, so that no event is ever replayed to another one. The
lock is flock: the kernel lets go of it however the process ends.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Self

from tablestore_memory.producer.ownership import make_private, open_private
from tablestore_memory.protocol.redis_urls import RedisUrl

_LOCK = "lock"
BEING_MADE = ".new-"
"""What the name of a directory begins with until it is locked."""


def segment_name(number: int) -> str:
    return f"{number:08d}.journal"


def target_directory(journal_dir: str, redis_url: str, prefix: str) -> Path:
    """Where journals for this place (RedisUrl.place) and prefix stand."""
    place = repr((*RedisUrl.parse(redis_url).place, prefix))
    return Path(journal_dir) / hashlib.sha256(place.encode()).hexdigest()[:16]


class Spool:
    """The directory of one process, held by its lock."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def create(cls, target: Path) -> Self:
        """A new one. Raises OSError. It appears under its name only once it is locked."""
        make_private(target)
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        hidden = target / f"{BEING_MADE}{name}"
        hidden.mkdir(mode=0o700)
        lock_fd = open_private(hidden / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(hidden.rename(target / name), lock_fd)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """One whose process is gone; None if it is not, or somebody else has it. Raises OSError."""
        lock_fd = open_private(path / _LOCK, os.O_RDWR)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock_fd)
            return None
        return cls(path, lock_fd)

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
