"""The stream `searchable` of a user's partition: memories that the search index shows, as they were found."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.entries import every
from tablestore_memory.worker.state.keys import Keys

_LOOKED_AT = 2_000  # entries, by who looks for a few


def announced(redis: Redis, streams: Streams, user_id: str) -> Iterator[tuple[str, str]]:
    """The user's announcements: entry and document."""
    for entry_id, fields in every(redis, Keys(streams).searchable(user_id)):
        if fields.get(b"user_id") == user_id.encode():
            yield entry_id, fields.get(b"document_id", b"").decode(errors="replace")


def announced_ms(
    redis: Redis, streams: Streams, user_id: str, document_ids: Collection[str], since_ms: int
) -> dict[str, int]:
    """When each of these was announced, as far as the stream still tells; `since_ms` is when none had been yet."""
    found = redis.xrange(Keys(streams).searchable(user_id), str(since_ms), count=_LOOKED_AT)
    return {
        document_id: int(entry_id.partition(b"-")[0])
        for entry_id, fields in cast(list[Any], found)
        if fields.get(b"user_id") == user_id.encode()
        and (document_id := fields.get(b"document_id", b"").decode(errors="replace"))
        in document_ids
    }


def withdraw(redis: Redis, streams: Streams, user_id: str, entry_ids: Sequence[str]) -> None:
    """Delete announcements."""
    if entry_ids:
        redis.xdel(Keys(streams).searchable(user_id), *entry_ids)
