"""Records as they stand in a file of the journal: packed, and found again, whatever happened to the file.

Layout: `TSMJ`, version (u32), bytes settled so far (u64), then records: magic (4 bytes), length,
CRC-32, route (u32 each), acceptance in µs (u64), payload; all little-endian. The magic begins with
a byte that UTF-8 never uses, so what is damaged is skipped and the next record found. A later version takes
another magic.
"""

import os
import struct
from pathlib import Path
from zlib import crc32

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.ownership import open_private
from tablestore_memory.protocol.events import MAX_EVENT_BYTES

_HEAD = struct.Struct("<4sIQ")
_RECORD = struct.Struct("<4sIIIQ")
_pack = _RECORD.pack
_SETTLED_AT = 8
_FORMAT = b"TSMJ"
_VERSION = 1
_MAGIC = b"\xf5TSM"
_LARGEST = _RECORD.size + MAX_EVENT_BYTES
_USUAL = 1024
"""Bytes to read for each record wanted: reading much more than is taken costs more than it saves."""


class LaterVersion(OSError):
    """A segment of a later release, and not ours to read."""


HEAD = _HEAD.pack(_FORMAT, _VERSION, _HEAD.size)
"""What a new file begins with."""


def packed(record: Record) -> bytes:
    """A record as it stands in the file."""
    data, route = record.data, record.route
    return _pack(_MAGIC, len(data), crc32(data, route), route, record.accepted_us) + data


class SegmentReader:
    """Reads a segment from what was settled on. Raises OSError, and LaterVersion at once."""

    def __init__(self, path: Path) -> None:
        self._fd = open_private(path, os.O_RDWR)
        self.damaged = 0
        """Stretches that held no intact record: each may have held some."""
        self._in_damage = False
        self._settled = self._taken = self._start()

    def __del__(self) -> None:
        if (fd := getattr(self, "_fd", -1)) >= 0:
            os.close(fd)

    def _start(self) -> int:
        """Where to read on. A count that does not lead to a record is not believed: what is sent twice is
        still one event, what is left out is none."""
        head = os.pread(self._fd, _HEAD.size, 0)
        if len(head) < _HEAD.size:  # its process ended while it was made
            return _HEAD.size
        form, version, settled = _HEAD.unpack(head)
        if (form, version) == (_FORMAT, _VERSION) and self._is_boundary(settled):
            return int(settled)
        if form == _FORMAT and version > _VERSION and not self._holds_a_record():
            raise LaterVersion(f"a journal of version {version}")
        # With what follows, if that is damaged too, it is one stretch.
        self.damaged, self._in_damage = 1, True
        return _HEAD.size

    def _is_boundary(self, at: int) -> bool:
        """Whether a record begins here, or the file ends."""
        if not _HEAD.size <= at <= os.fstat(self._fd).st_size:
            return False
        return _MAGIC.startswith(os.pread(self._fd, len(_MAGIC), at))

    def _holds_a_record(self) -> bool:
        return os.pread(self._fd, len(_MAGIC), _HEAD.size) == _MAGIC

    def take(self, events: int, size: int, *, complete: bool) -> list[Record]:
        """The next records. `complete` says that nobody writes any more, so that half a record is
        a torn one and not one being written."""
        limit = max(_LARGEST, min(size, events * _USUAL))
        while chunk := os.pread(self._fd, limit, self._taken):
            records, end = _parse(chunk, events, size)
            if records or not complete:
                self._taken += end
                self._in_damage = False
                return records
            self.damaged += not self._in_damage
            self._in_damage = True
            self._taken += _next_start(chunk, limit)
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
    if magic != _MAGIC or len(data) != length or crc32(data, route) != crc:
        return None
    return Record(route, accepted_us, data)
