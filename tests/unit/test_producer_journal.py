"""Events on disk: kept in order, found again, never invented."""

import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest

from tablestore_memory.producer.backlog import MemoryBacklog, Overflow
from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.records import HEAD
from tests.journals import (
    LOG,
    drained,
    found,
    half_settled,
    make_journal,
    numbers,
    record,
    replayed,
)


def test_what_is_appended_is_taken_in_order_over_segments(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=300)

    for number in range(100):
        assert journal.append(record(number))

    assert drained(journal.take, journal.settle) == list(range(100))
    assert journal.is_empty()


def test_settled_segments_are_deleted(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=300)
    for number in range(100):
        journal.append(record(number))
    before = len(list(tmp_path.rglob("*.journal")))

    drained(journal.take, journal.settle)

    assert before > 5
    assert len(list(tmp_path.rglob("*.journal"))) == 1


def test_next_process_replays_only_what_was_not_settled(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=10_000)
    for number in range(50):
        journal.append(record(number))
    journal.take(20, 10**6)
    journal.settle()
    journal.take(20, 10**6)  # on their way when the process ends

    journal.close()

    assert replayed(tmp_path) == list(range(20, 50))
    assert list(tmp_path.iterdir()) == []


def test_journal_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))

    assert list(found(tmp_path)) == []
    assert numbers(journal.take(10, 10**6)) == [1]


def test_closing_a_settled_journal_leaves_nothing(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    drained(journal.take, journal.settle)

    journal.close()

    assert list(tmp_path.iterdir()) == []


def test_events_after_close_are_for_the_next_process(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    journal.close()

    assert journal.append(record(2))

    journal.close()
    assert sorted(replayed(tmp_path)) == [1, 2]


def test_prepended_events_are_replayed_first(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(3))

    assert journal.prepend([record(1), record(2)]) == 2

    journal.close()
    assert replayed(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_record_torn_at_the_end_is_skipped(tmp_path: Path, cut: int) -> None:
    journal = make_journal(tmp_path)
    for number in range(3):
        journal.append(record(number))
    (path,) = tmp_path.rglob("*.journal")

    os.truncate(path, path.stat().st_size - cut)
    journal.close()

    assert replayed(tmp_path) == [0, 1]


def test_record_damaged_in_the_middle_costs_itself_only(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    for number in range(5):
        journal.append(record(number, size=40))
    (path,) = tmp_path.rglob("*.journal")
    data = bytearray(path.read_bytes())
    data[data.index(b"2       ")] = ord("9")

    path.write_bytes(data)
    journal.close()

    assert replayed(tmp_path) == [0, 1, 3, 4]


DAMAGE: dict[str, Callable[[bytearray], None]] = {
    # case: what happens to a file whose first 20 of 50 events are settled
    "format": lambda data: data.__setitem__(slice(0, 4), b"XXXX"),
    "version": lambda data: data.__setitem__(slice(4, 8), b"\xff" * 4),
    "count beyond any file": lambda data: data.__setitem__(slice(8, 16), b"\xff" * 8),
    "count beyond this file": lambda data: data.__setitem__(slice(8, 16), pack("<Q", 1 << 20)),
    "count within an event": lambda data: data.__setitem__(slice(8, 16), pack("<Q", 999)),
    "count of nothing": lambda data: data.__setitem__(slice(8, 16), b"\0" * 8),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_head_costs_no_event(tmp_path: Path, case: str) -> None:
    path = half_settled(tmp_path)
    data, damaged = bytearray(path.read_bytes()), Damaged(tmp_path, LOG)

    DAMAGE[case](data)
    path.write_bytes(data)

    assert replayed(tmp_path, damaged) == list(range(50))
    assert damaged.stretches == 1


def test_file_that_is_damaged_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    path = half_settled(tmp_path)
    data, damaged = bytearray(path.read_bytes()), Damaged(tmp_path, LOG)
    for place in (data.index(b"25   "), data.index(b"35   ")):
        data[place] = ord("9")
    path.write_bytes(data)

    numbers = replayed(tmp_path, damaged)

    kept, reason = sorted((tmp_path / "damaged").iterdir())
    assert numbers == [n for n in range(20, 50) if n not in (25, 35)]
    assert damaged.stretches == 2
    assert kept.read_bytes()[16:] == data[16:]
    assert reason.read_text() == "not all of it is intact\n"
    assert replayed(tmp_path) == []


def test_disk_that_spoils_files_is_not_filled_with_them(tmp_path: Path) -> None:
    damaged = Damaged(tmp_path / "target", LOG)
    spool = tmp_path / "1-abc"
    spool.mkdir()
    for number in range(1, 21):
        path = spool / f"{number:08d}.journal"
        path.write_text("spoilt")
        os.utime(path, (100 - number, 100 - number))  # the first is the newest
        damaged.set_aside(path, "why")

    names = sorted(path.name for path in (tmp_path / "target" / "damaged").iterdir())

    assert damaged.stretches == 20
    assert len(names) == 32
    assert names[-1] == "1-abc-00000016.reason"


def test_file_that_is_none_is_set_aside(tmp_path: Path) -> None:
    path = half_settled(tmp_path)
    path.write_bytes(b"something else entirely")

    assert replayed(tmp_path) == []

    assert b"something else entirely" in {p.read_bytes() for p in tmp_path.glob("damaged/*")}


def test_file_of_a_later_release_is_left_where_it_is(tmp_path: Path) -> None:
    path = half_settled(tmp_path)
    path.write_bytes(b"TSMJ" + pack("<IQ", 2, 16) + b"records as nobody knows them yet")

    assert replayed(tmp_path) == []

    assert path.exists()


def test_file_that_no_reader_can_stand_keeps_no_other_from_being_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_settled(tmp_path)
    other = make_journal(tmp_path)
    other.append(record(99))
    other.close()
    read = os.pread

    def fails(fd: int, size: int, at: int) -> bytes:
        data = read(fd, size, at)
        if len(data) > len(HEAD) and b"99   " not in data:
            raise OverflowError
        return data

    monkeypatch.setattr(os, "pread", fails)

    assert replayed(tmp_path) == [99]
    assert len([*tmp_path.glob("damaged/*.journal")]) == 1


def test_file_that_cannot_be_read_now_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_settled(tmp_path)

    def no_disk(*_: int) -> bytes:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pread", no_disk)
        nothing = replayed(tmp_path)

    assert nothing == []
    assert replayed(tmp_path) == list(range(20, 50))


def test_damage_done_to_a_living_journal_costs_what_it_hit(tmp_path: Path) -> None:
    damaged = Damaged(tmp_path, LOG)
    journal = make_journal(tmp_path, segment_bytes=300, damaged=damaged)
    for number in range(20):
        journal.append(record(number))
    path = min(tmp_path.rglob("*.journal"))
    data = bytearray(path.read_bytes())
    data[data.index(b"2     ")] = ord("7")
    path.write_bytes(data)

    assert drained(journal.take, journal.settle) == [n for n in range(20) if n != 2]
    assert damaged.stretches == 1
    assert [p.read_bytes()[16:] for p in tmp_path.glob("damaged/*.journal")] == [data[16:]]


def test_full_journal_says_so_and_has_room_again_once_settled(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=1000, max_bytes=5000)
    kept = 0
    while journal.append(record(kept)):
        kept += 1

    assert journal.size <= 5000
    assert drained(journal.take, journal.settle) == list(range(kept))
    assert journal.append(record(kept))


def test_deleting_the_directory_costs_nothing_while_the_process_lives(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=200)
    kept = [number for number in range(5) if journal.append(record(number))]

    shutil.rmtree(tmp_path)
    kept += [number for number in range(5, 40) if journal.append(record(number))]

    assert drained(journal.take, journal.settle) == kept
    assert kept[-1] == 39


def test_broken_disk_is_no_error_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    journal = make_journal(tmp_path / "file")

    assert not journal.append(record(1))
    assert journal.take(10, 10**6) == []


def test_disk_that_fills_up_in_the_middle_of_a_record_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    refused = not journal.append(record(2))
    monkeypatch.undo()

    assert refused
    assert journal.append(record(3))
    assert drained(journal.take, journal.settle) == [1, 3]


def test_disk_that_fills_up_at_the_end_leaves_all_that_was_in_memory_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(3))
    write = os.write

    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    kept = journal.prepend([record(1), record(2)])
    monkeypatch.undo()

    assert kept == 0
    journal.close()
    assert replayed(tmp_path) == [3]


def test_disk_that_has_no_room_for_a_head_is_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(tmp_path)
    write = os.write

    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        refused = not journal.append(record(1))

    assert refused
    assert [*tmp_path.rglob("*.journal")] == []
    assert journal.append(record(2))
    assert drained(journal.take, journal.settle) == [2]


def test_half_a_record_whose_caller_knows_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = Damaged(tmp_path, LOG)
    journal = make_journal(tmp_path, damaged=damaged)
    journal.append(record(1))
    write = os.write

    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
        journal.append(record(2))
    journal._broken_until = 0.0
    journal.append(record(3))

    assert drained(journal.take, journal.settle) == [1, 3]
    assert damaged.stretches == 0


def test_many_threads_lose_nothing_while_segments_roll_and_are_read(
    tmp_path: Path,
) -> None:
    sys.setswitchinterval(1e-6)
    journal = make_journal(tmp_path, segment_bytes=2000)
    threads = [
        threading.Thread(
            target=lambda first=first: [
                journal.append(record(n)) for n in range(first, first + 500)
            ]
        )
        for first in range(0, 4000, 500)
    ]
    found: list[int] = []

    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found += drained(journal.take, journal.settle)
    found += drained(journal.take, journal.settle)

    assert set(found) == set(range(4000))
    sys.setswitchinterval(0.005)
    for first in range(0, 4000, 500):
        own = dict.fromkeys(n for n in found if first <= n < first + 500)
        assert list(own) == sorted(own)


def test_journal_is_readable_by_its_user_only(tmp_path: Path) -> None:
    journal = make_journal(tmp_path / "target")
    journal.append(record(1))

    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "target").rglob("*")}

    assert modes == {0}


def test_memory_is_bounded_in_events_and_in_bytes() -> None:
    few = MemoryBacklog(max_events=2, max_bytes=10**6)
    small = MemoryBacklog(max_events=10**6, max_bytes=100)

    assert [few.append(record(n)) for n in range(3)] == [True, True, False]
    assert [small.append(record(n, size=60)) for n in range(3)] == [True, True, False]


def test_newer_events_do_not_overtake_those_that_found_no_room(tmp_path: Path) -> None:
    memory = MemoryBacklog(max_events=2, max_bytes=10**6)
    both = Overflow(memory, make_journal(tmp_path))
    for number in range(3):
        both.append(record(number))
    taken = numbers(memory.take(1, 10**6))

    both.append(record(3))

    taken += numbers(memory.take(10, 10**6)) + numbers(both.second.take(10, 10**6))
    assert taken == [0, 1, 2, 3]
