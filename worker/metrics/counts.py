"""The counts of all workers together, in Redis: they outlive every process and every machine of theirs.

A report has the number it has in its process, and is applied once: it may be sent again when its answer was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis

from tablestore_memory.worker.metrics.tally import Series
from tablestore_memory.worker.state.keys import REPORTED_MS, Keys
from tablestore_memory.worker.state.scripts import script

_SINCE = b"since"


@script
def add_counts(
    redis: Redis, *, counts: str, reported: str, number: int, kept_ms: int, amounts: list[object]
) -> int: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """All counts, and since when they are kept: with another `since_ms` they began anew."""

    since_ms: int
    amounts: Mapping[Series, float]


class Counts:
    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def add(self, process: str, number: int, amounts: Mapping[Series, float]) -> bool:
        """Apply a report. False if that was done before."""
        told: list[object] = []
        for series, amount in amounts.items():
            told += msgspec.json.encode(series), repr(amount)
        applied = add_counts(
            self._redis,
            counts=self._keys.counted(),
            reported=self._keys.reported(process),
            number=number,
            kept_ms=REPORTED_MS,
            amounts=told,
        )
        return bool(applied)

    def read(self) -> Counted:
        found = cast(dict[bytes, bytes], self._redis.hgetall(self._keys.counted()))
        since_ms = int(found.pop(_SINCE, 0))
        return Counted(
            since_ms,
            {msgspec.json.decode(name, type=Series): float(n) for name, n in found.items()},
        )
