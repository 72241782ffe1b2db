"""One file of the journal: records appended by any thread, read back by one.

Layout: `TSMJ`, version (u32), bytes settled so far (u64), then records: magic (4 bytes), length,
CRC-32, route (u32 each), acceptance in µs (u64), payload; all little-endian. The magic begins with
a byte that UTF-8 never uses, so a torn record (a full disk) is skipped and the next one found.
"""

import os
import struct
import zlib
from pathlib import Path

from tablestore_memory.producer.backlog import Record
from tablestore_memory.protocol.events import MAX_EVENT_BYTES

_HEAD = struct.Struct("<4sIQ")
_RECORD = struct.Struct("<4sIIIQ")
_SETTLED_AT = 8
_FORMAT = b"TSMJ"
_VERSION = 1
_MAGIC = b"\xf5TSM"
_LARGEST = _RECORD.size + MAX_EVENT_BYTES
_USUAL = 1024
"""Bytes to read for each record wanted: reading much more than is taken costs more than it saves."""


def packed(record: Record) -> bytes:
    """A record as it stands in the file."""
    data, route = record.data, record.route
    crc = zlib.crc32(data, route)
    return _RECORD.pack(_MAGIC, len(data), crc, route, record.accepted_us) + data


class Segment:
    """Written by this process. Its descriptor is closed when the last thread that may be writing
    lets go of the object: closing it earlier could hit a file opened since under its number."""

    def __init__(self, path: Path) -> None:
        """Create the file, for this user only. Raises OSError."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self.path = path
        self.fd = os.open(path, flags, 0o600)
        self.size = _HEAD.size
        self.sealed = False
        """Set by the reader before its last look: who writes later must write elsewhere."""
        os.write(self.fd, _HEAD.pack(_FORMAT, _VERSION, _HEAD.size))
        self.reader = SegmentReader(path)
        """Opened now: who deletes the file later does not take the events with it."""

    def __del__(self) -> None:
        if (fd := getattr(self, "fd", -1)) >= 0:
            os.close(fd)


class SegmentReader:
    """Reads a segment from what was settled on. Raises OSError; refuses files of other formats."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        head = os.pread(self._fd, _HEAD.size, 0)
        if len(head) == _HEAD.size and _HEAD.unpack(head)[:2] != (_FORMAT, _VERSION):
            raise OSError(f"{path.name}: not a journal segment of version {_VERSION}")
        self._settled = _HEAD.unpack(head)[2] if len(head) == _HEAD.size else _HEAD.size
        self._taken = self._settled

    def __del__(self) -> None:
        if (fd := getattr(self, "_fd", -1)) >= 0:
            os.close(fd)

    def take(self, events: int, size: int, *, complete: bool) -> list[Record]:
        """The next records. `complete` says that nobody writes any more, so that half a record is
        a torn one and not one being written."""
        limit = max(_LARGEST, min(size, events * _USUAL))
        while chunk := os.pread(self._fd, limit, self._taken):
            records, end = _parse(chunk, events, size)
            torn = complete and not records
            self._taken += _next_start(chunk, limit) if torn else end
            if not torn:
                return records
        return []

    def settle(self) -> None:
        """Note on disk how far delivery came; the file itself goes when all of it is settled."""
        if self._taken != self._settled:
            self._settled = self._taken
            os.pwrite(self._fd, struct.pack("<Q", self._settled), _SETTLED_AT)


def _parse(chunk: bytes, events: int, size: int) -> tuple[list[Record], int]:
    """The intact records at the beginning of the chunk, and where they end."""
    records: list[Record] = []
    at = 0
    while len(records) < events and size > 0 and (record := _record_at(chunk, at)):
        records.append(record)
        at += _RECORD.size + len(record.data)
        size -= len(record.data)
    return records, at


def _next_start(chunk: bytes, limit: int) -> int:
    """How far to skip from a torn record to what may be the next one."""
    start = chunk.find(_MAGIC, 1)
    if start >= 0:
        return start
    # A magic may be cut by the chunk's end, unless that is the end of the file as well.
    return len(chunk) if len(chunk) < limit else len(chunk) - len(_MAGIC) + 1


def _record_at(chunk: bytes, at: int) -> Record | None:
    """The whole and intact record at this place, if there is one."""
    start = at + _RECORD.size
    if start > len(chunk):
        return None
    magic, length, crc, route, accepted_us = _RECORD.unpack_from(chunk, at)
    data = chunk[start : start + length]
    if magic != _MAGIC or len(data) != length or zlib.crc32(data, route) != crc:
        return None
    return Record(route, accepted_us, data)
