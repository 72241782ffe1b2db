"""Stamps and ids: never backwards, never twice."""

import itertools
import threading

import pytest

from tablestore_memory.producer import clock
from tablestore_memory.producer.clock import Clock, EventIds

SECOND = 1_000_000_000


class Hands:
    """Both clocks of a machine, set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1_700_000_000 * SECOND
        self.monotonic = 5 * SECOND
        monkeypatch.setattr(clock, "time_ns", lambda: self.wall)
        monkeypatch.setattr(clock, "monotonic_ns", lambda: self.monotonic)

    def pass_ns(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def test_stamps_within_one_microsecond_differ(hands: Hands) -> None:
    one = Clock()

    stamps = [one.now_us() for _ in range(3)]

    assert stamps == [hands.wall // 1000 + n for n in range(3)]


def test_wall_that_steps_back_does_not_take_the_stamps_along(hands: Hands) -> None:
    one = Clock()
    before = one.now_us()

    hands.wall -= 3600 * SECOND
    hands.pass_ns(SECOND)

    assert one.now_us() == before + 1_000_000


def test_suspended_machine_is_followed_when_it_wakes(hands: Hands) -> None:
    one = Clock()
    one.now_us()

    hands.wall += 3600 * SECOND  # the monotonic clock stood still meanwhile

    assert one.now_us() == hands.wall // 1000


def test_each_thread_sees_its_stamps_grow() -> None:
    one = Clock()
    seen: list[list[int]] = [[] for _ in range(4)]

    threads = [
        threading.Thread(target=lambda own=own: own.extend(one.now_us() for _ in range(5000)))
        for own in seen
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for own in seen:
        assert all(a < b for a, b in itertools.pairwise(own))


def test_ids_are_unique_over_threads_and_processes() -> None:
    first, second = EventIds(), EventIds()

    made = [first.next_id() for _ in range(3)] + [second.next_id() for _ in range(3)]

    assert len(set(made)) == 6
    assert made[:3] == sorted(made[:3])
    assert all(len(one) == 32 for one in made)
