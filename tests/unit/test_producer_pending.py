"""What an AgentScope service remembers of its own writes, and how much of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tablestore_memory.producer.once import once
from tablestore_memory.producer.pending import Pending


def test_entries_come_in_the_order_they_were_added() -> None:
    pending: Pending[str, int, str] = Pending()

    for number in (3, 1, 2):
        pending.add("s", number, f"m{number}")

    assert pending.of("s") == {3: "m3", 1: "m1", 2: "m2"}
    assert list(pending.of("s")) == [3, 1, 2]
    assert pending.of("other") == {}


def test_entry_that_was_seen_is_gone_and_its_key_with_the_last() -> None:
    pending: Pending[str, int, str] = Pending()
    pending.add("s", 1, "a")
    pending.add("s", 2, "b")

    pending.discard("s", [1, 99])
    assert pending.of("s") == {2: "b"}

    pending.discard("s", [2])
    pending.discard("never", [2])
    assert pending.keys(lambda key: True) == []


def test_entry_added_again_counts_once_and_is_the_newer() -> None:
    pending: Pending[str, int, str] = Pending(limit=2)

    for text in ("a", "b", "c"):
        pending.add("s", 1, text)
    pending.add("s", 2, "d")

    assert pending.of("s") == {1: "c", 2: "d"}


def test_entry_that_is_never_seen_in_the_store_is_let_go_after_a_while() -> None:
    now = 0.0
    pending: Pending[str, int, str] = Pending(kept_s=300, clock=lambda: now)
    pending.add("s", 1, "a")
    now = 200.0
    pending.add("s", 2, "b")

    now = 301.0

    assert pending.of("s") == {2: "b"}
    now = 501.0
    assert pending.keys(lambda key: True) == []


def test_what_a_process_has_one_of_is_made_once_for_threads_that_come_at_once() -> None:
    both = threading.Barrier(2)

    @once
    def one() -> object:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # in vain
        return object()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(one), threads.submit(one)

    assert first.result() is second.result()


def test_limit_pushes_out_the_oldest_of_the_session_that_waits_longest() -> None:
    pending: Pending[str, int, str] = Pending(limit=3)
    pending.add("first", 1, "a")
    pending.add("first", 2, "b")
    pending.add("second", 1, "c")

    pending.add("second", 2, "d")

    assert pending.of("first") == {2: "b"}
    assert pending.of("second") == {1: "c", 2: "d"}
