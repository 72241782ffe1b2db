"""Deletion receipts: what a request to forget has deleted, place by place, over all workers that were at
it, and whether everything was read back. Kept a day for who asked.

Keys and fields tell nothing of whom: the key of a receipt has a hash of the request's id. Its fields are places
with their counts, and `verified` at the end.
"""

import hashlib
from collections.abc import Mapping
from typing import cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.keys import RECEIPT_MS, Keys

_VERIFIED = "verified"

Receipt = dict[str, int | bool]


class DeletionReceipts:
    def __init__(self, redis: Redis, streams: Streams) -> None:
        self._redis = redis
        self._keys = Keys(streams)

    def add(self, event_id: str, counts: Mapping[str, int]) -> None:
        """Count what was just deleted; a worker that dies in between leaves it uncounted."""
        key = self._key(event_id)
        with self._redis.pipeline(transaction=True) as pipe:
            for place, count in counts.items():
                pipe.hincrby(key, place, count)
            pipe.pexpire(key, RECEIPT_MS)
            pipe.execute()

    def started(self, event_id: str) -> bool:
        """Whether anything was noted for this request yet."""
        return bool(self._redis.exists(self._key(event_id)))

    def note(self, event_id: str, place: str, count: int) -> None:
        """How many there are that stay: the same ones each time somebody looks."""
        key = self._key(event_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, place, count)
            pipe.pexpire(key, RECEIPT_MS)
            pipe.execute()

    def finish(self, event_id: str) -> Receipt:
        """Everything was read back and nothing is left. Returns the receipt."""
        self.note(event_id, _VERIFIED, 1)
        return self.finished(event_id) or {}

    def finished(self, event_id: str) -> Receipt | None:
        """The receipt once the request was carried out, else None."""
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._key(event_id)))
        counts: Receipt = {place.decode(): int(count) for place, count in found.items()}
        return counts | {_VERIFIED: True} if counts.pop(_VERIFIED, 0) else None

    def _key(self, event_id: str) -> str:
        name = hashlib.blake2b(event_id.encode(), digest_size=16).hexdigest()
        return self._keys.deletion(self._keys.streams.partition(event_id), name)
