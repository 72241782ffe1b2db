"""What `wait` waits for: all that was published before it began, and nothing that came later."""

from typing import cast

import pytest
import redis

from devtools.servers import wait_until
from tablestore_memory.producer.lines import from_line
from tablestore_memory.protocol.events import decode, encode
from tablestore_memory.protocol.streams import EVENT_FIELD, Streams
from tablestore_memory.worker.indexing.unindexed import MemoryRef, UnindexedMemories
from tablestore_memory.worker.operations.published import Published
from tablestore_memory.worker.sessions.activity import record, sessions_of
from tablestore_memory.worker.sessions.due import DuePolicy, DueSessions
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import state_streams

POLICY = DuePolicy(idle_ms=1000, max_messages=20, max_tokens=3000, max_wait_ms=5000)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def streams(fresh_name: str) -> Streams:
    return state_streams(fresh_name)


def message(session: str, number: int) -> bytes:
    draft = {"type": "message", "user_id": "u", "role": "user", "content": f"text {number}"}
    return encode(from_line(draft | {"session_id": session}))


def append(client: redis.Redis, streams: Streams, name: str = "events") -> bytes:
    return cast(bytes, client.xadd(streams.key(3, name), {EVENT_FIELD: message("s", 1)}))


def stored(client: redis.Redis, streams: Streams, session: str) -> None:
    """What a drain records when a message of the session is stored."""
    raw = message(session, 1)
    record(client, streams, sessions_of([(raw, decode(raw))]), POLICY)


def next_ms(client: redis.Redis) -> None:
    """What is stamped from now on has another stamp."""
    now = now_ms(client)
    wait_until(lambda: now_ms(client) > now, "the next millisecond")


@pytest.mark.parametrize("name", ["events", "requests"])
def test_later_entries_are_not_waited_for(client: redis.Redis, streams: Streams, name: str) -> None:
    first = append(client, streams, name)
    published = Published(client, streams)
    before = getattr(published.left(), name)
    append(client, streams, name)

    still = getattr(published.left(), name)
    client.xdel(streams.key(3, name), first)

    assert (before, still) == (1, 1)
    assert published.left().left == 0


def test_session_that_goes_on_is_waited_for_until_the_earlier_messages_are_extracted(
    client: redis.Redis, streams: Streams
) -> None:
    due = DueSessions(client, streams)
    stored(client, streams, "s")
    published = Published(client, streams)
    before = published.left()
    due.begin("u", "s")
    stored(client, streams, "s")

    taken = published.left()
    due.begin("u", "s")  # the first extraction was lost: this one has both
    again = published.left()
    next_ms(client)
    stored(client, streams, "s")
    due.settle("u", "s")

    assert (before.sessions, taken.sessions, again.sessions) == (1, 1, 1)
    assert published.left().left == 0
    assert Published(client, streams).left().sessions == 1


def test_session_that_was_given_up_is_not_waited_for(client: redis.Redis, streams: Streams) -> None:
    stored(client, streams, "s")
    published = Published(client, streams)
    before = published.left().sessions

    DueSessions(client, streams).give_up("u", "s", "no answer")

    assert before == 1
    assert published.left().left == 0


def test_sessions_stored_after_all_earlier_events_are_not_waited_for(
    client: redis.Redis, streams: Streams
) -> None:
    entry = append(client, streams)
    published = Published(client, streams)
    assert published.left().events == 1
    stored(client, streams, "s")
    client.xdel(streams.key(3, "events"), entry)
    assert published.left().sessions == 1

    stored(client, streams, "later")
    DueSessions(client, streams).begin("u", "s")
    DueSessions(client, streams).settle("u", "s")

    assert published.left().left == 0


def test_memory_written_before_is_waited_for_and_a_later_one_is_not(
    client: redis.Redis, streams: Streams
) -> None:
    unindexed = UnindexedMemories(client, streams)
    unindexed.add("u", ["one"])
    published = Published(client, streams)
    before = published.left().unsearchable
    next_ms(client)
    unindexed.add("u", ["two"])

    still = published.left().unsearchable
    unindexed.searchable(MemoryRef("u", "one"))

    assert (before, still) == (1, 1)
    assert published.left().left == 0
