"""The agent's side: what a call returns, refuses, counts and waits for."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import redis

from devtools.servers import wait_until
from tablestore_memory.producer import (
    BadSetting,
    BlockingInEventLoop,
    MalformedEvent,
    Publisher,
    QueueFull,
)
from tablestore_memory.producer.orphans import Orphan
from tablestore_memory.producer.settings import Options, Settings, environment_name
from tablestore_memory.producer.spool import Spool, target_directory
from tablestore_memory.protocol.events import Message, decode
from tablestore_memory.protocol.streams import Streams
from tests.failures.publishing import Place

NOWHERE = "redis://127.0.0.1:1/0"

Make = Callable[..., Publisher]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Publishers that are closed after the test, by default without a Redis."""
    made: list[Publisher] = []

    def make(url: str = NOWHERE, **options: Any) -> Publisher:
        made.append(Publisher(url, **{"journal_dir": str(tmp_path), **options}))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close(0)


@pytest.fixture
def full(make: Make) -> Make:
    """Publishers without room on disk, and for ten events in memory."""

    def make_full(**options: Any) -> Publisher:
        return make(journal_dir="/dev/null", queue_events=10, **options)

    return make_full


def say(publisher: Publisher, content: Any = "hi", **more: Any) -> str:
    return publisher.message(user_id="u1", session_id="s1", role="user", content=content, **more)


def endless() -> list[Any]:
    """Deeper than Python's own `repr` goes."""
    parts: list[Any] = []
    for _ in range(100_000):
        parts = [parts]
    return parts


def stored(url: str, prefix: str) -> list[Any]:
    streams = Streams(prefix)
    with redis.Redis.from_url(url) as client:
        return [
            decode(entry[b"event"])
            for partition in range(8)
            for _, entry in client.xrange(streams.events(partition))
        ]


def test_each_kind_of_event_arrives(make: Make, redis_url: str, fresh_name: str) -> None:
    publisher = make(redis_url, prefix=fresh_name)
    published = [
        say(publisher),
        publisher.session_end(user_id="u1", session_id="s1"),
        publisher.remember(user_id="u1", text="likes tea"),
        publisher.edit_memory(user_id="u1", memory_id="m1", text="likes coffee"),
        publisher.delete_memory(user_id="u1", memory_id="m1"),
        publisher.forget(user_id="u1"),
        publisher.publish({"type": "session_end", "user_id": "u1", "session_id": "s2"}),
        publisher.publish(b'{"type": "session_end", "user_id": "u1", "session_id": "s3"}'),
    ]

    assert publisher.flush(10)

    assert {event.event_id for event in stored(redis_url, fresh_name)} == set(published)


def test_dict_changed_after_the_call_does_not_change_the_event(
    make: Make, redis_url: str, fresh_name: str
) -> None:
    publisher = make(redis_url, prefix=fresh_name)
    metadata = {"mood": "fine"}

    say(publisher, metadata=metadata)
    metadata["mood"] = "changed"
    publisher.flush(10)

    (event,) = stored(redis_url, fresh_name)
    assert isinstance(event, Message)
    assert event.metadata == {"mood": "fine"}


async def test_publishing_and_flushing_from_async_code(
    redis_url: str, fresh_name: str, tmp_path: Path
) -> None:
    async with Publisher(redis_url, prefix=fresh_name, journal_dir=str(tmp_path)) as publisher:
        say(publisher)

        assert await publisher.aflush(10)
    assert publisher.stats().acked == 1


def test_malformed_event_is_an_error_where_it_is_made(make: Make) -> None:
    publisher = make()

    with pytest.raises(MalformedEvent, match="content: "):
        say(publisher, content=5)
    with pytest.raises(MalformedEvent, match="user_id: missing"):
        publisher.publish({"type": "session_end", "session_id": "s1"})
    with pytest.raises(MalformedEvent, match="created_at: not ISO 8601"):
        say(publisher, created_at="yesterday")
    assert publisher.stats().accepted == 0


def test_malformed_event_is_set_aside_if_not_strict(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    publisher = make(strict=False, on_drop=lambda _, reason: told.append(reason))

    say(publisher, content=[{"type": "text", "text": {"secret": 1}}])
    say(publisher, content=endless())
    publisher.publish(b"{")
    with caplog.at_level(logging.WARNING):
        publisher.close(1)

    stats = publisher.stats()
    letters = next(tmp_path.rglob("dead-letters.jsonl")).read_text().splitlines()
    assert (stats.accepted, stats.dropped) == (0, {"malformed": 3})
    assert told == ["malformed"] * 3
    assert "content[0].text: must be a text" in letters[0]
    assert "64 deep" in letters[1]
    assert "not JSON" in letters[2]
    assert "secret" not in caplog.text


def test_full_memory_drops_the_oldest_and_counts_it(full: Make) -> None:
    dropped: list[str] = []
    publisher = full(on_drop=lambda event, reason: dropped.append(f"{event.event_id} {reason}"))

    for number in range(1000):
        say(publisher, event_id=f"e{number}")
    stats = publisher.stats()
    publisher.close(1)

    assert stats.accepted == 1000
    assert stats.pending + stats.dropped["queue_full"] == 1000
    assert stats.pending < 1000
    assert publisher.stats().pending == 0
    assert len(dropped) == 1000
    assert {line.split()[1] for line in dropped} == {"queue_full", "closed"}


def test_policy_raise_tells_the_caller_and_accepts_nothing(full: Make) -> None:
    publisher = full(when_full="raise")

    with pytest.raises(QueueFull):
        for _ in range(1000):
            say(publisher)

    stats = publisher.stats()
    assert stats.refused == 1
    assert stats.accepted == stats.pending
    assert stats.dropped == {}


def test_policy_block_waits_and_then_tells(full: Make) -> None:
    publisher = full(when_full="block", block_timeout_s=0.05)

    with pytest.raises(QueueFull):
        for _ in range(1000):
            say(publisher)

    assert publisher.stats().refused == 1


async def test_policy_block_is_refused_in_an_event_loop(full: Make) -> None:
    publisher = full(when_full="block")

    with pytest.raises(BlockingInEventLoop):
        say(publisher)


def test_threads_lose_no_count(make: Make, redis_url: str, fresh_name: str) -> None:
    publisher = make(redis_url, prefix=fresh_name)
    sys.setswitchinterval(1e-6)
    threads = [
        threading.Thread(target=lambda: [say(publisher) for _ in range(500)]) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(0.005)

    assert publisher.flush(20)
    stats = publisher.stats()
    assert (stats.accepted, stats.acked, stats.pending) == (4000, 4000, 0)
    assert len({event.event_id for event in stored(redis_url, fresh_name)}) == 4000


def test_closing_at_any_moment_keeps_what_was_in_memory_only(make: Make, tmp_path: Path) -> None:
    sys.setswitchinterval(1e-6)
    for number in range(30):
        journal_dir = tmp_path / f"{number}"
        publisher = make(durability="memory", journal_dir=str(journal_dir))
        accepted = {say(publisher) for _ in range(400)}

        publisher.close(0)

        assert Place(NOWHERE, "memory", journal_dir).in_journals() == accepted
    sys.setswitchinterval(0.005)


def test_journal_that_fails_as_nobody_foresaw_keeps_no_event_from_being_sent(
    make: Make, redis_url: str, fresh_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    left = Spool.create(target_directory(str(tmp_path), redis_url, fresh_name))
    left.release(keep=True)
    monkeypatch.setattr(Orphan, "take", fails)
    publisher = make(redis_url, prefix=fresh_name)

    say(publisher)

    assert publisher.flush(10)
    assert publisher.stats().acked == 1


def test_flush_without_redis_gives_up_and_loses_nothing(make: Make) -> None:
    publisher = make()
    say(publisher)

    assert not publisher.flush(0.2)
    assert publisher.stats().pending == 1
    wait_until(lambda: publisher.stats().last_error, "the first try told")


def test_publisher_that_never_published_has_nothing_to_close(make: Make) -> None:
    before = set(threading.enumerate())
    publisher = make()

    assert publisher.flush(0)
    assert publisher.close(0)
    assert set(threading.enumerate()) <= before


def test_event_after_close_waits_on_disk_for_the_next_process(make: Make, tmp_path: Path) -> None:
    publisher = make()
    say(publisher)
    publisher.close(0)

    say(publisher)

    assert publisher.stats().pending == 2
    assert len([*tmp_path.rglob("*.journal")]) == 2


def test_setting_comes_from_argument_then_environment_then_default() -> None:
    environment = {"MEMORY_PARTITIONS": "16", "MEMORY_PREFIX": "other", "MEMORY_STRICT": "0"}

    settings = Settings.resolve({"partitions": 32, "prefix": None}, environment)

    assert settings.partitions == 32
    assert settings.prefix == "other"
    assert settings.strict is False
    assert settings.redis_url == "redis://localhost:6379/0"


def test_all_bad_settings_are_told_at_once_without_the_password() -> None:
    environment = {
        "REDIS_URL": "http://user:secret@host",
        "MEMORY_PARTITIONS": "many",
        "MEMORY_WHEN_FULL": "panic",
        "MEMORY_STRICT": "maybe",
    }

    with pytest.raises(BadSetting) as caught:
        Settings.resolve({"queue_events": 0}, environment)

    text = str(caught.value)
    assert all(name in text for name in [*environment, "queue_events"])
    assert "secret" not in text


def test_unknown_setting_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match=r"unknown setting: partition$"):
        Publisher(partition=8)  # type: ignore[call-arg]


def test_password_is_not_printed() -> None:
    assert "secret" not in repr(Settings(redis_url="redis://:secret@host/0"))


def test_options_are_the_settings() -> None:
    assert {"redis_url", *get_type_hints(Options)} == {setting.name for setting in fields(Settings)}


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text()

    for setting in fields(Settings):
        assert f"`{environment_name(setting.name)}`" in page, setting.name
