"""Stamps and ids of events, made where the event is made. Both cost a fraction of a microsecond."""

import itertools
import secrets
from time import monotonic_ns, time_ns

_BEHIND_NS = 1_000_000_000
"""How far the wall may run ahead of us (a suspended machine) before we follow it."""


class Clock:
    """Microseconds since the epoch that never go back, whatever NTP does to the wall clock.

    The wall is read once and carried on by the monotonic clock. When the wall is found more than
    a second ahead, we follow; when it steps back, we do not. Each stamp is greater than the one before.
    """

    def __init__(self) -> None:
        self._offset_ns = time_ns() - monotonic_ns()
        self._last_us = 0

    def now_us(self) -> int:
        carried = monotonic_ns() + self._offset_ns
        ahead = time_ns() - carried
        if ahead > _BEHIND_NS:
            self._offset_ns += ahead
            carried += ahead
        now = carried // 1000
        # CPython switches threads at calls and backward jumps: no other thread comes between these.
        if now <= self._last_us:
            now = self._last_us + 1
        self._last_us = now
        return now


class EventIds:
    """Ids that no other process makes: 80 random bits and a counter, 32 hex digits in order."""

    def __init__(self) -> None:
        self._producer = secrets.token_hex(10)
        # next() is atomic: no lock on the publish path. All have twelve digits, so they are in order.
        self._count = itertools.count(10**11)

    @property
    def producer(self) -> str:
        """What all ids of this process begin with."""
        return self._producer

    def next_id(self) -> str:
        return f"{self._producer}{next(self._count)}"
