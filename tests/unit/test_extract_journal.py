"""What is about to change for a user: written down under the lease, ended, and known for a day."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.journal import Entry, Journal
from tablestore_memory.worker.failures.errors import Busy
from tablestore_memory.worker.state.clock import now_ms
from tablestore_memory.worker.state.lease import Lease
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.stores.memory import Embedded, Memory

DAY_MS = 86_400_000
ENTRY = Entry("plan-1", (Change(Embedded(Memory("ana", "Ana likes tea").identified(), [0.5])),))


@pytest.fixture
def journal(redis: Redis, fresh_name: str) -> Journal:
    return Journal(redis, state_streams(fresh_name))


@pytest.fixture
def lease(redis: Redis, fresh_name: str) -> Iterator[Lease]:
    with Lease(redis, f"{fresh_name}:{{lease}}") as held:
        yield held


def test_entry_that_was_begun_is_found_by_whoever_comes_next_and_by_no_other_user(
    journal: Journal, lease: Lease
) -> None:
    journal.begin("ana", ENTRY, lease)

    assert journal.unfinished("ana") == ENTRY
    assert journal.unfinished("bo") is None
    assert not journal.was_applied("ana", "plan-1")


def test_entry_takes_the_place_of_one_that_was_never_ended(journal: Journal, lease: Lease) -> None:
    journal.begin("ana", ENTRY, lease)

    journal.begin("ana", Entry("plan-2", ()), lease)

    assert journal.unfinished("ana") == Entry("plan-2", ())


def test_entries_stand_in_the_users_own_partition(
    redis: Redis, journal: Journal, lease: Lease, fresh_name: str
) -> None:
    streams = state_streams(fresh_name)

    journal.begin("ana", ENTRY, lease)
    journal.end("ana", "plan-1", lease)
    journal.begin("ana", ENTRY, lease)

    partition = streams.partition("ana")
    keys = {streams.key(partition, name).encode() for name in ("journal", "applied:ana")}
    assert {*redis.scan_iter(f"{fresh_name}:*")} == {lease.key.encode(), *keys}


def test_entry_that_was_ended_is_unfinished_no_more_and_known_as_applied(
    journal: Journal, lease: Lease
) -> None:
    journal.begin("ana", ENTRY, lease)
    journal.begin("bo", ENTRY, lease)

    journal.end("ana", "plan-1", lease)

    assert (journal.unfinished("ana"), journal.unfinished("bo")) == (None, ENTRY)
    assert journal.was_applied("ana", "plan-1")
    assert not journal.was_applied("ana", "plan-2")
    assert not journal.was_applied("bo", "plan-1")


@pytest.mark.parametrize(
    "write",
    [
        lambda journal, lease: journal.begin("ana", Entry("plan-2", ()), lease),
        lambda journal, lease: journal.end("ana", "plan-1", lease),
    ],
    ids=["begin", "end"],
)
def test_who_lost_the_lease_writes_nothing(
    redis: Redis, journal: Journal, lease: Lease, write: Callable[[Journal, Lease], None]
) -> None:
    journal.begin("ana", ENTRY, lease)
    redis.set(lease.key, "another")

    with pytest.raises(Busy, match="lease"):
        write(journal, lease)

    assert journal.unfinished("ana") == ENTRY
    assert not journal.was_applied("ana", "plan-1")


def test_applied_plans_are_known_for_a_day(redis: Redis, journal: Journal, lease: Lease) -> None:
    key, now = journal._keys.applied("ana"), now_ms(redis)
    redis.zadd(key, {"older": now - DAY_MS - 1, "younger": now - DAY_MS + 60_000})

    journal.end("ana", "plan-1", lease)

    known = [journal.was_applied("ana", plan) for plan in ("older", "younger", "plan-1")]
    assert known == [False, True, True]
    assert DAY_MS - 60_000 < redis.pttl(key) <= DAY_MS
    assert abs(int(redis.zscore(key, "plan-1") or 0) - now) < 60_000


def test_what_is_undecided_is_known_until_the_next_word_of_it(
    journal: Journal, lease: Lease
) -> None:
    journal.end("ana", "plan-1", lease, ["a", "b"])
    journal.end("ana", "plan-2", lease)  # of a correction by hand, which says nothing of it

    assert (journal.undecided("ana"), journal.undecided("bo")) == (["a", "b"], [])
    journal.end("ana", "plan-3", lease, [])
    assert journal.undecided("ana") == []


def test_what_is_undecided_is_forgotten_with_what_was_applied(
    redis: Redis, journal: Journal, lease: Lease
) -> None:
    journal.end("ana", "plan-1", lease, ["a"])
    redis.hset(journal._tries("ana"), "ana", "one")

    assert journal.forget_applied("ana", existing=()) == 2
    assert journal.undecided("ana") == []
    assert not redis.exists(journal._to_decide("ana"), journal._tries("ana"))


def test_what_is_undecided_and_not_forgotten_is_decided_still(
    redis: Redis, journal: Journal, lease: Lease
) -> None:
    journal.end("ana", "plan-1", lease, ["a", "b"])

    assert journal.forget_applied("ana", existing={"b", "c"}) == 2
    assert journal.undecided("ana") == ["b"]
    assert redis.exists(journal._to_decide("ana"))


def test_user_who_has_undecided_memories_is_decided_for_thirty_days_after_the_last_word_of_it(
    redis: Redis, journal: Journal, lease: Lease
) -> None:
    key, now = journal._to_decide("ana"), now_ms(redis)
    redis.zadd(key, {"ana": now})

    journal.end("ana", "plan-1", lease, ["a"])

    assert abs(int(redis.zscore(key, "ana") or 0) - now - 30 * DAY_MS) < 60_000
    journal.end("ana", "plan-2", lease, [])
    assert redis.zscore(key, "ana") is None
