"""One file of the journal: records appended by any thread, read back by one (producer/records.py)."""

import os
import sys
from pathlib import Path

from tablestore_memory.producer.ownership import open_private
from tablestore_memory.producer.records import HEAD, SegmentReader


class Place:
    """A place in the order of segments: taken once, by whoever comes first."""

    def __init__(self) -> None:
        self._taken: dict[None, Segment] = {}

    @property
    def segment(self) -> "Segment | None":
        """Who has it."""
        return self._taken.get(None)

    def take(self, segment: "Segment") -> "Segment":
        """Who has it now. Two threads may ask at once: `setdefault` is atomic in CPython."""
        return self._taken.setdefault(None, segment)


class Segment:
    """Written by this process. Its descriptor is closed when the last thread that may be writing
    lets go of the object: closing it earlier could hit a file opened since under its number."""

    def __init__(self, path: Path, limit: int = sys.maxsize) -> None:
        """Create the file, for this user only; it takes no more once it has `limit` bytes. Raises OSError."""
        self.path = path
        self._limit = limit
        self.after = Place()
        self.fd = open_private(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND)
        self.size = len(HEAD)
        self.sealed = False
        """Set by the reader before its last look: who writes later must write elsewhere."""
        self.torn = 0
        """Records of which a part was written. They are not lost: their callers know."""
        try:
            write_whole(self.fd, HEAD)
            self.reader = SegmentReader(path)
            """Opened now: who deletes the file later does not take the events with it."""
        except OSError:
            path.unlink(missing_ok=True)  # half a head makes no segment
            raise

    def append(self, data: bytes) -> bool:
        """Whether it stands there for the reader to find. If not, it must be written elsewhere, as it also
        must when this raises OSError. Any thread may call it."""
        if self.sealed or self.size >= self._limit:
            return False
        written = os.write(self.fd, data)
        self.size += written
        if written != len(data):
            self.torn += 1
            raise OSError(f"{written} of {len(data)} bytes written")
        # Sealed meanwhile: the reader may have missed it. Written twice is still one event.
        return not self.sealed

    def __del__(self) -> None:
        if (fd := getattr(self, "fd", -1)) >= 0:
            os.close(fd)


def write_whole(fd: int, data: bytes) -> None:
    """One write(). Raises OSError also when only a part found room."""
    if (written := os.write(fd, data)) != len(data):
        raise OSError(f"{written} of {len(data)} bytes written")
