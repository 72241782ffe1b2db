"""What is forgotten, asked by receipt: in one command, told of nobody, and never shortened."""

from collections.abc import Iterator
from typing import cast

import pytest
import redis

from devtools.servers import wait_until
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.state.tombstones import Tombstones


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
def tombstones(client: redis.Redis, fresh_name: str) -> Tombstones:
    return Tombstones(client, state_streams(fresh_name))


def test_user_is_forgotten_in_every_session_up_to_the_receipt(tombstones: Tombstones) -> None:
    tombstones.note("ana", None, 100)

    assert tombstones.covers("ana", "s", 100)
    assert tombstones.covers("ana", None, 100)
    assert not tombstones.covers("ana", "s", 101)
    assert not tombstones.covers("bo", "s", 100)


def test_malformed_ids_are_asked_for_like_any_other(tombstones: Tombstones) -> None:
    tombstones.note("ana", None, 100)

    assert tombstones.upto([("\ud800", "\udfff"), ("ana", "\ud800")]) == {("ana", "\ud800"): 100}


def test_session_is_forgotten_alone(tombstones: Tombstones) -> None:
    tombstones.note("ana", "s", 100)

    assert tombstones.covers("ana", "s", 100)
    assert not tombstones.covers("ana", "other", 100)
    assert not tombstones.covers("ana", None, 100)
    assert not tombstones.covers("bo", "s", 100)
    tombstones.note("ana", "None", 100)
    assert not tombstones.covers("ana", None, 100)


def test_what_has_no_receipt_is_covered_where_anything_is(tombstones: Tombstones) -> None:
    tombstones.note("ana", None, 100)

    assert tombstones.covers("ana", "s", 0)
    assert not tombstones.covers("bo", "s", 0)


@pytest.mark.parametrize("receipts", [(100, 50), (50, 100)])
def test_older_request_shortens_no_newer_one(
    tombstones: Tombstones, receipts: tuple[int, int]
) -> None:
    for received_ms in receipts:
        tombstones.note("ana", None, received_ms)

    assert tombstones.upto([("ana", "s")]) == {("ana", "s"): 100}


def test_latest_of_user_and_session_counts(tombstones: Tombstones) -> None:
    tombstones.note("ana", None, 50)
    tombstones.note("ana", "s", 100)

    assert tombstones.upto([("ana", "s"), ("ana", "other"), ("ana", None), ("bo", "s")]) == {
        ("ana", "s"): 100,
        ("ana", "other"): 50,
        ("ana", None): 50,
    }


def test_whole_batch_is_asked_in_one_command(client: redis.Redis, tombstones: Tombstones) -> None:
    pairs = [(f"user {n}", f"session {n}") for n in range(200)]
    tombstones.note("user 7", None, 100)
    before = int(client.info("stats")["total_commands_processed"])

    found = tombstones.upto(pairs)

    after = int(client.info("stats")["total_commands_processed"])
    assert found == {("user 7", "session 7"): 100}
    assert after - before == 2  # it, and the first INFO


def test_keys_and_what_they_hold_tell_of_nobody(
    client: redis.Redis, tombstones: Tombstones, fresh_name: str
) -> None:
    tombstones.note("ana@example.com", "a session", 100)

    keys = sorted(client.scan_iter(f"{fresh_name}*"))
    names = cast(list[bytes], client.hkeys(keys[1]) + client.zrange(keys[0], 0, -1))
    held = b"".join([*keys, *names])
    assert [key.decode() for key in keys] == [
        f"{fresh_name}:{{forgotten}}:until",
        f"{fresh_name}:{{forgotten}}:upto",
    ]
    assert b"ana" not in held
    assert b"session" not in held


def test_it_is_kept_for_thirty_days_from_the_last_request_and_cleared_away_by_a_later_one(
    client: redis.Redis, tombstones: Tombstones, fresh_name: str
) -> None:
    until, upto = f"{fresh_name}:{{forgotten}}:until", f"{fresh_name}:{{forgotten}}:upto"
    tombstones.note("ana", None, 100)
    found = client.zrange(until, 0, -1, withscores=True)
    ((_, score),) = cast(list[tuple[bytes, float]], found)
    assert abs(score - now_ms(client) - 30 * 86_400_000) < 60_000
    assert all(client.pttl(key) > 29 * 86_400_000 for key in (until, upto))

    Tombstones(client, state_streams(fresh_name), kept_ms=1).note("bo", None, 100)
    wait_until(lambda: not client.exists(upto), "the keys have run out")
    tombstones.note("ana", None, 100)
    client.zadd(until, {name: 0 for name, _ in client.zscan_iter(until)})
    tombstones.note("cy", None, 100)

    assert tombstones.upto([("ana", None), ("cy", None)]) == {("cy", None): 100}
