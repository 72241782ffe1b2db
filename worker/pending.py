"""What of a user is still on its way, or was set aside: found in the streams, and deleted to be forgotten.

An entry that a drain may have in its hands is not deleted under it: its row would come after all. So a
stream is left while its lease is held, and asked again; it is the caller's to try later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from redis import Redis

from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.worker.entries import every
from tablestore_memory.worker.errors import Busy
from tablestore_memory.worker.partitions import existing

# KEYS: lease stream   ARGV: ids
_DELETE_UNHELD = """
if redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
return redis.call('XDEL', KEYS[2], unpack(ARGV))
"""
_AT_ONCE = 500
_COMMANDS = ("forget", "session_end")


class _Peek(msgspec.Struct):
    """As much as must be read of an event that may be malformed."""

    type: Any = None
    user_id: Any = None
    session_id: Any = None
    created_at: Any = None


@dataclass(frozen=True, slots=True)
class Whose:
    """A user's, in one session or in all, up to `before` (created_at, µs)."""

    user_id: str
    session_id: str | None
    before: int

    def holds(self, raw: bytes) -> bool:
        try:
            event = msgspec.json.decode(raw, type=_Peek)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if event.user_id != self.user_id or event.type in _COMMANDS:
            return False
        if self.session_id is not None and event.session_id != self.session_id:
            return False
        # Without a stamp it is older than what asks to forget it.
        return not isinstance(event.created_at, int) or event.created_at <= self.before


class Pending:
    """Events, requests and dead letters of all partitions."""

    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._streams = streams

    def forget(self, whose: Whose) -> dict[str, int]:
        """Delete what is on its way and what was set aside; counted.

        Raises Busy while a drain may hold some of it: it is stored then, or gone, when asked again.
        """
        counts = {"pending": 0, "dead": 0}
        for partition in existing(self._redis, self._streams):
            counts["pending"] += self._delete(partition, "events", "lease", whose)
            counts["pending"] += self._delete(partition, "requests", None, whose)
            counts["dead"] += self._delete(partition, "dead", None, whose)
        return counts

    def _delete(self, partition: int, name: str, lease: str | None, whose: Whose) -> int:
        stream = self._streams.key(partition, name)
        found = list(self._found(stream, whose))
        if not found:
            return 0
        if lease is None:
            return int(self._redis.xdel(stream, *found))
        key = self._streams.key(partition, lease)
        deleted = 0
        for start in range(0, len(found), _AT_ONCE):
            ids = found[start : start + _AT_ONCE]
            answer = int(self._redis.eval(_DELETE_UNHELD, 2, key, stream, *ids))
            if answer < 0:
                raise Busy(key)
            deleted += answer
        return deleted

    def _found(self, stream: str, whose: Whose) -> Iterator[str]:
        for entry_id, fields in every(self._redis, stream):
            if whose.holds(fields.get(EVENT_FIELD.encode(), b"")):
                yield entry_id
