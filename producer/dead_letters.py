"""Events that could not be sent as they are: `dead-letters.jsonl` beside the journals, one JSON object a line.

Several processes append to it, and one may take it away to put its events back. Who appends holds the
file's lock and looks whether it still stands there; who takes it renames it under that lock, so nothing is
appended to what was taken.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tablestore_memory.producer.ownership import make_private, open_private
from tablestore_memory.producer.segment import write_whole

FILE = "dead-letters.jsonl"
_MAX_FILE_BYTES = 64 * 1024**2


class Letter(msgspec.Struct, frozen=True):
    """One event; `event` is its JSON, or what was to be an event, for a person to look at."""

    at: float
    reason: str
    event: str
    accepted_us: int = 0
    """When its publisher accepted it; 0 if it never did."""


class Requeued(NamedTuple):
    """How many letters were events, which are sent, and how many stay, as they are none."""

    events: int
    stay: int


class DeadLetters:
    """The file of one target directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE

    def add(self, letter: Letter) -> bool:
        """False if there is no room, or the disk will not have it."""
        line = msgspec.json.encode(letter) + b"\n"
        with contextlib.suppress(OSError):
            make_private(self._directory)
            with self._locked() as fd:
                size = os.fstat(fd).st_size
                if size >= _MAX_FILE_BYTES:
                    return False
                try:
                    write_whole(fd, line)
                except OSError:
                    os.ftruncate(fd, size)  # half a line would spoil the next
                    raise
                return True
        return False

    def requeue(
        self, sent: Callable[[Letter], bool], delivered: Callable[[], bool]
    ) -> Requeued | None:
        """Hand each letter to `sent`, which says whether it holds an event, and delete them once all are
        `delivered`; None if they are not. Twice is no harm: an event sent twice is still one. Raises OSError."""
        events = stay = 0
        for path in self._taken():
            letters = [(letter, sent(letter)) for letter in read(path)]
            if not delivered():
                return None
            staying = [letter for letter, was_event in letters if not was_event]
            for letter in staying:
                self.add(letter)
            path.unlink(missing_ok=True)
            events, stay = events + len(letters) - len(staying), stay + len(staying)
        return Requeued(events, stay)

    def _taken(self) -> list[Path]:
        """Take the file away. What was taken and not yet deleted, also by a process that ended over it."""
        if self._path.exists():
            with contextlib.suppress(OSError), self._locked():
                self._path.rename(self._directory / f"{FILE}.{secrets.token_hex(6)}")
        return sorted(self._directory.glob(f"{FILE}.*"))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Raises OSError."""
        while True:
            fd = open_private(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if _still_there(fd, self._path):
                    yield fd
                    return
            finally:
                os.close(fd)


def read(path: Path) -> Iterator[Letter]:
    """The letters of a file that was taken, a line that is none as one about itself. Raises OSError."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as lines:
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=Letter)
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield Letter(at=0.0, reason="no letter", event=line.decode(errors="replace"))


def _still_there(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
