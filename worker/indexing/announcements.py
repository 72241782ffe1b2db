"""The stream `searchable` of a user's partition: memories that the search index shows, as they were found."""

from collections.abc import Iterator, Sequence

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.state.entries import every
from tablestore_memory.worker.state.keys import Keys


def announced(redis: Redis, streams: Streams, user_id: str) -> Iterator[tuple[str, str]]:
    """The user's announcements: entry and document."""
    for entry_id, fields in every(redis, Keys(streams).searchable(user_id)):
        if fields.get(b"user_id") == user_id.encode():
            yield entry_id, fields.get(b"document_id", b"").decode(errors="replace")


def withdraw(redis: Redis, streams: Streams, user_id: str, entry_ids: Sequence[str]) -> None:
    """Delete announcements."""
    if entry_ids:
        redis.xdel(Keys(streams).searchable(user_id), *entry_ids)
