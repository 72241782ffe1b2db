"""Names of the keys in Redis, and the partition of a session. Knows no connection."""

import zlib
from dataclasses import dataclass

EVENT_FIELD = "event"
"""The field of a stream entry that every publisher sets; its value is the event's JSON in UTF-8."""

WAITED_FIELD = "waited_ms"
"""How long a publisher held the event before Redis took it, in ms; left out while that is short."""

RECEIVED_FIELD = "received_ms"
"""When the event was received at first, in ms of Redis' clock: set where a worker moves it on."""

DROPPED_KEPT_S = 7 * 86_400
"""A publisher that dropped events and is gone is told of for a week."""

BACKLOG_KEPT_S = 60
"""A publisher that is behind says so every second; one that says nothing any more has ended."""

MAX_PARTITIONS = 1024
"""Workers look for no streams with a higher number."""


def route(partition_key: str) -> int:
    """The number a partition is made of: CRC-32 of the key's UTF-8, as in zlib."""
    return zlib.crc32(partition_key.encode())


@dataclass(frozen=True)
class Streams:
    """All processes of one deployment must agree on both fields."""

    prefix: str = "memory"
    partitions: int = 8

    def partition(self, session_id: str) -> int:
        """The partition of a session (of a user, for events without a session)."""
        return route(session_id) % self.partitions

    def key(self, partition: int, name: str) -> str:
        """A key of one partition. The braces are Redis Cluster's hash tag: one slot for all."""
        return f"{self.prefix}:{{{partition}}}:{name}"

    def events(self, partition: int) -> str:
        """The stream that holds a partition's events."""
        return self.key(partition, "events")

    @property
    def dropped(self) -> str:
        """A hash: how many events each publisher had to drop, by reason."""
        return f"{self.prefix}:dropped"

    @property
    def backlogs(self) -> str:
        """A hash: how many events each publisher could not deliver yet, and when it said so, in ms."""
        return f"{self.prefix}:backlogs"
