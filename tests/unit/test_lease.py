"""One holder at a time: how a lease is taken, waited for, kept, lost and given back."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from devtools.servers import Server, wait_until
from tablestore_memory.worker.failures.errors import Busy, LeaseLost
from tablestore_memory.worker.state import lease as leases
from tablestore_memory.worker.state.lease import LEASE_TTL_MS, Lease, _renew_all

Threads = Callable[[], list[threading.Thread]]


def renew(lease: Lease) -> bool:
    """What its thread does now and then; False once it is somebody else's."""
    return not list(_renew_all([lease]))


@pytest.fixture(autouse=True)
def renewing(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """As in a new process; the threads that renew its leases."""
    before = threading.enumerate()
    monkeypatch.setattr(leases, "_renewals", leases._renewals)
    leases._begin_anew()
    return lambda: [
        thread
        for thread in threading.enumerate()
        if thread.name == "renew leases" and thread not in before
    ]


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A Redis that may be killed."""
    with Server.start("redis", "--appendonly", "no") as server:
        yield server


def stays_there(redis: Redis, *keys: str, looks: int = 120) -> Callable[[], bool]:
    """Whether none of the keys was missing in so many looks, each 20 ms or more after the last.

    That is longer than leases last here, and those outlive a second in which the machine does something else.
    """
    number = count(1)

    def looked() -> bool:
        assert redis.exists(*keys) == len(keys)
        return next(number) > looks

    return looked


class Renewals:
    """Of leases whose names begin so, from now on, by Redis' own notifications."""

    def __init__(self, redis: Redis, name: str) -> None:
        redis.config_set("notify-keyspace-events", "Kg")
        self._pubsub = cast(Any, redis).pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(f"__keyspace@0__:{name}*")
        self._pubsub.get_message(timeout=5)

    def count(self) -> int:
        """How many there were. To be called once."""
        with closing(self._pubsub):
            events = iter(lambda: self._pubsub.get_message(timeout=0.1), None)
            return sum(event["data"] == b"expire" for event in events)


def test_lease_that_is_held_is_refused_and_one_that_was_given_back_is_not(
    redis: Redis, fresh_name: str
) -> None:
    with Lease(redis, fresh_name), pytest.raises(Busy, match=fresh_name), Lease(redis, fresh_name):
        pass

    with Lease(redis, fresh_name) as again:
        assert again.is_held


def test_lease_is_waited_for_while_somebody_else_holds_it(redis: Redis, fresh_name: str) -> None:
    redis.set(fresh_name, "another", px=200)

    with Lease(redis, fresh_name, wait_s=20) as lease:
        holder = redis.get(fresh_name)

    assert holder == lease.token.encode()


def test_lease_is_waited_for_no_longer_than_asked(redis: Redis, fresh_name: str) -> None:
    redis.set(fresh_name, "another")
    seconds = count()

    with pytest.raises(Busy), Lease(redis, fresh_name, wait_s=6, monotonic=lambda: next(seconds)):
        pass

    # One look at the clock when it begins, then two for each try: at 2, 4 and 6 seconds.
    assert next(seconds) == 7
    with pytest.raises(Busy), Lease(redis, fresh_name, monotonic=lambda: next(seconds)):
        pass
    assert next(seconds) == 11


def test_lease_runs_out_by_itself_when_its_holder_dies(redis: Redis, fresh_name: str) -> None:
    with Lease(redis, fresh_name):
        usual_ms = redis.pttl(fresh_name)
    with Lease(redis, fresh_name, ttl_ms=90_000):
        own_ms = redis.pttl(fresh_name)

    assert LEASE_TTL_MS - 1_000 < usual_ms <= LEASE_TTL_MS == 6_000
    assert 89_000 < own_ms <= 90_000


def test_lease_is_held_for_its_time_to_live_from_when_it_was_asked_for(
    redis: Redis, fresh_name: str
) -> None:
    now = [0.0]
    lease = Lease(redis, fresh_name, monotonic=lambda: now[0])
    before = lease.is_held

    held = []
    with lease:
        for now[0] in (0.0, 5.999, 6.0):
            held.append(lease.is_held)

    assert not before
    assert held == [True, True, False]


def test_renewed_lease_is_held_for_as_long_again(redis: Redis, fresh_name: str) -> None:
    now = [100.0]
    with Lease(redis, fresh_name, ttl_ms=60_000, monotonic=lambda: now[0]) as lease:
        redis.pexpire(fresh_name, 5_000)
        now[0] = 130.0

        renewed = renew(lease)

        assert renewed
        assert redis.pttl(fresh_name) > 59_000
        now[0] = 189.99
        lease.ensure_held()
        now[0] = 190.0
        with pytest.raises(LeaseLost, match=fresh_name):
            lease.ensure_held()


def test_lease_of_another_is_neither_renewed_nor_given_back(redis: Redis, fresh_name: str) -> None:
    with Lease(redis, fresh_name, ttl_ms=60_000, monotonic=lambda: 0.0) as lease:
        redis.set(fresh_name, "another", px=30_000)

        renewed = renew(lease)

        assert not renewed
        assert not lease.is_held
    assert redis.get(fresh_name) == b"another"
    assert redis.pttl(fresh_name) <= 30_000


def test_lease_outlives_a_redis_that_is_gone_for_less_than_its_time_to_live(
    mortal: Server, fresh_name: str
) -> None:
    now = [100.0]
    with (
        pytest.raises(RedisError),  # it cannot be given back
        Redis.from_url(mortal.url) as redis,
        Lease(redis, fresh_name, ttl_ms=60_000, monotonic=lambda: now[0]) as lease,
    ):
        mortal.kill()
        now[0] = 159.9

        renewed = renew(lease)

        assert renewed
        assert lease.is_held
        now[0] = 160.0
        assert not lease.is_held
        assert lease.lost_with_redis


@pytest.mark.parametrize("with_redis", [False, True])
def test_lease_that_was_lost_knows_whether_redis_was_away_before(
    mortal: Server, fresh_name: str, with_redis: bool
) -> None:
    with Redis.from_url(mortal.url) as redis, Lease(redis, fresh_name, ttl_ms=60_000) as lease:
        if with_redis:
            mortal.kill()
            renew(lease)
            mortal.restart()  # it has nothing, as after the time to live
        else:
            redis.delete(fresh_name)

        assert not renew(lease)

        assert not lease.is_held
        assert lease.lost_with_redis == with_redis


def test_what_went_wrong_under_a_lease_counts_more_than_that_it_cannot_be_given_back(
    mortal: Server, fresh_name: str
) -> None:
    with (
        pytest.raises(KeyError),
        Redis.from_url(mortal.url) as redis,
        Lease(redis, fresh_name, ttl_ms=60_000),
    ):
        mortal.kill()
        raise KeyError


def test_all_leases_of_a_process_are_renewed_in_time_by_one_thread_that_keeps_it_from_nothing(
    redis: Redis, fresh_name: str, renewing: Threads
) -> None:
    names = [f"{fresh_name}-{n}" for n in range(4)]

    with Lease(redis, names[0], ttl_ms=2_000):
        wait_until(stays_there(redis, names[0], looks=40), "a few rounds")
        with (
            Lease(redis, names[1], ttl_ms=60_000),
            Lease(redis, names[2], ttl_ms=2_200),
            Lease(redis, names[3], ttl_ms=1_800),
        ):
            wait_until(stays_there(redis, *names), "enough looks")
            (thread,) = renewing()

    assert thread.daemon


def test_short_lease_is_renewed_in_time_though_a_long_one_was_taken_first(
    redis: Redis, fresh_name: str
) -> None:
    names = [f"{fresh_name}-{n}" for n in range(2)]

    with Lease(redis, names[0], ttl_ms=60_000):
        time.sleep(0.1)  # the thread waits by now for the first one's time
        with Lease(redis, names[1], ttl_ms=2_000):
            wait_until(stays_there(redis, *names), "enough looks")


def test_lease_is_renewed_no_more_often_than_needed(redis: Redis, fresh_name: str) -> None:
    names = [f"{fresh_name}-{n}" for n in range(3)]

    with Lease(redis, names[0], ttl_ms=60_000), Lease(redis, names[1], ttl_ms=60_000):
        renewals = Renewals(redis, fresh_name)
        wait_until(stays_there(redis, *names[:2], looks=20), "enough looks")
        of_the_long = renewals.count()
    with Lease(redis, names[2], ttl_ms=2_000):
        began, renewals = time.monotonic(), Renewals(redis, fresh_name)
        wait_until(stays_there(redis, names[2]), "enough looks")
        of_the_short, took_s = renewals.count(), time.monotonic() - began

    assert of_the_long == 0
    assert 1 <= of_the_short <= took_s / 0.5 + 1


def test_lease_given_back_in_the_middle_of_its_renewal_keeps_no_later_one_from_being_renewed(
    redis: Redis, redis_url: str, fresh_name: str, renewing: Threads
) -> None:
    with Lease(redis, fresh_name, ttl_ms=800), Redis.from_url(redis_url) as admin:
        admin.client_pause(600)
        time.sleep(0.4)  # a quarter of its time to live is over: it is being renewed
    wait_until(lambda: not renewing(), "the thread ended")

    with Lease(redis, fresh_name, ttl_ms=2_000):
        wait_until(stays_there(redis, fresh_name), "enough looks")


def test_lease_that_is_lost_keeps_no_other_from_being_renewed(
    redis: Redis, fresh_name: str
) -> None:
    names = [f"{fresh_name}-{n}" for n in range(2)]

    with Lease(redis, names[0], ttl_ms=2_000) as lost, Lease(redis, names[1], ttl_ms=2_000) as held:
        redis.set(names[0], "another")
        wait_until(lambda: not lost.is_held, "the loss noticed")
        wait_until(stays_there(redis, names[1]), "enough looks")
        assert held.is_held


def test_renewing_ends_with_the_last_lease_and_begins_with_the_next(
    redis: Redis, fresh_name: str, renewing: Threads
) -> None:
    with Lease(redis, fresh_name, ttl_ms=2_000):
        during = len(renewing())
    wait_until(lambda: not renewing(), "the thread ended")

    with Lease(redis, fresh_name, ttl_ms=2_000):
        wait_until(stays_there(redis, fresh_name), "enough looks")

    assert during == 1


def test_forked_process_renews_its_own_leases_and_gives_none_of_its_parents_back(
    redis: Redis, redis_url: str, fresh_name: str
) -> None:
    def hold() -> None:
        with Redis.from_url(redis_url) as own, Lease(own, f"{fresh_name}-child", ttl_ms=2_000):
            wait_until(stays_there(own, f"{fresh_name}-child"), "enough looks")

    with Lease(redis, fresh_name, ttl_ms=2_000) as lease:
        child = multiprocessing.get_context("fork").Process(target=hold)
        child.start()
        child.join(30)

        assert child.exitcode == 0
        assert lease.is_held
