"""Entries of a stream as the worker reads them: id and event, oldest first."""

from typing import cast

from redis import Redis

from producer.streams import EVENT_FIELD


def oldest(redis: Redis, stream: str, count: int) -> list[tuple[str, bytes]]:
    """Up to `count` entries from the front; an entry without an event is an empty one."""
    found = cast(list[tuple[bytes, dict[bytes, bytes]]], redis.xrange(stream, count=count))
    return [(name.decode(), fields.get(EVENT_FIELD.encode(), b"")) for name, fields in found]
