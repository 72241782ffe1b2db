"""A journal in trouble: what happens is told, the disk is spared, and nothing is lost on the way."""

import errno
import gc
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.journal import Journal
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.orphans import Orphans
from tablestore_memory.producer.records import HEAD, SegmentReader, packed
from tablestore_memory.producer.spool import Spool
from tablestore_memory.protocol.events import MAX_EVENT_BYTES
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

ALL = 10**6
OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def log() -> RateLimitedLog:
    """Of which no line is left out."""
    return RateLimitedLog(logging.getLogger("test"), monotonic=iter(range(0, ALL, 100)).__next__)


class Disk:
    """Makes directories for a journal, unless it is broken; counts how often it was asked."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.broken = True
        self.asked = 0

    def make_spool(self) -> Spool:
        self.asked += 1
        if self.broken:
            raise OSError(errno.EIO, "input/output error")
        return Spool.create(self.target)

    def journal(
        self, log: RateLimitedLog = LOG, monotonic: Callable[[], float] = time.monotonic
    ) -> Journal:
        return Journal(
            self.make_spool,
            segment_bytes=300,
            max_bytes=10_000,
            damaged=Damaged(self.target, log),
            log=log,
            monotonic=monotonic,
        )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def written(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], None], after: Callable[[], None]
) -> None:
    """Let something happen right before and right after the next write to a file."""
    write = os.write

    def once(fd: int, data: bytes) -> int:
        monkeypatch.undo()
        before()
        size = write(fd, data)
        after()
        return size

    monkeypatch.setattr(os, "write", once)


def nothing() -> None: ...


def test_broken_disk_is_told_of_and_left_alone_for_five_seconds(
    disk: Disk, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    journal = disk.journal(log, lambda: now[0])
    asked = []

    for now[0] in (100.0, 104.9, 105.0, 109.9):
        assert not journal.append(record(1))
        asked.append(disk.asked)
    disk.broken, now[0] = False, 110.0

    assert asked == [1, 1, 2, 2]
    assert journal.append(record(2))
    assert numbers(journal.take(10, ALL)) == [2]
    assert caplog.messages == ["journal.broken error=[Errno 5] input/output error"] * 2


def test_what_is_left_in_memory_finds_no_room_on_a_broken_disk_and_is_told_of(
    disk: Disk, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    journal = disk.journal(log)

    assert journal.prepend([record(1), record(2)]) == 0
    assert journal.is_empty()
    assert caplog.messages == ["journal.broken error=[Errno 5] input/output error"]


def test_disk_that_fills_up_in_the_middle_is_told_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: RateLimitedLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = make_journal(tmp_path, log=log)
    journal.append(record(1))
    write, whole = os.write, len(packed(record(2)))

    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
    journal.append(record(2))
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: len(HEAD) + 4]))
    journal.prepend([record(3)])

    assert caplog.messages == [
        f"journal.broken error=20 of {whole} bytes written",
        f"journal.broken error={len(HEAD) + 4} of {whole} bytes written",
    ]


def test_half_a_record_hides_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = Damaged(tmp_path, LOG)
    journal = make_journal(tmp_path, damaged=damaged)
    for number in range(5):
        journal.append(record(number))
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: write(fd, data[:20]))
        journal.append(record(5))
    (path,) = tmp_path.rglob("*.journal")
    data = bytearray(path.read_bytes())
    data[data.index(b"2     ")] = ord("7")
    path.write_bytes(data)

    found = drained(journal.take, journal.settle)

    assert found == [0, 1, 3, 4]
    assert damaged.stretches == 1


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="only Linux tells which files are open")
def test_no_file_stays_open_longer_than_it_is_needed(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=300)
    for number in range(30):
        journal.append(record(number))
    drained(journal.take, journal.settle)
    journal.append(record(30))
    journal.close()
    replayed(tmp_path)
    del journal

    gc.collect()
    assert open_in(tmp_path) == []


def open_in(folder: Path) -> list[str]:
    """Also of what was deleted meanwhile; others open and close files of theirs."""
    found = []
    for each in OPEN_FILES.iterdir():
        with suppress(FileNotFoundError):  # it was closed just now
            found.append(str(each.readlink()))
    return [name for name in found if name.startswith(str(folder))]


def test_all_that_is_anothers_is_told_of_once(
    tmp_path: Path, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1-open", "2-open"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    orphans = Orphans(tmp_path, Damaged(tmp_path, log), log)

    assert [*orphans.find(None), *orphans.find(None)] == []

    told = sorted(caplog.messages)
    why = "open: others may write there"
    assert told == [f"journal.not_ours reason={number}-{why}" for number in (1, 2)]


def test_nothing_in_memory_needs_no_file(disk: Disk) -> None:
    assert disk.journal().prepend([]) == 0
    assert disk.asked == 0


def test_prepended_events_are_taken_before_those_that_were_there(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(3))

    journal.prepend([record(1), record(2)])
    waiting = not journal.is_empty()

    assert drained(journal.take, journal.settle) == [1, 2, 3]
    assert journal.take(10, ALL) == []
    assert waiting
    assert journal.is_empty()


@pytest.mark.parametrize(("size", "count"), [(1, 1), (10, 1), (11, 2), (20, 2), (25, 3)])
def test_no_more_is_taken_than_about_so_many_bytes(tmp_path: Path, size: int, count: int) -> None:
    journal = make_journal(tmp_path)
    for number in range(5):
        journal.append(record(number, size=10))

    assert len(journal.take(100, size)) == count


def test_event_whose_file_is_closed_before_it_is_written_is_written_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    drained(journal.take, journal.settle)

    written(monkeypatch, before=journal.close, after=nothing)
    kept = journal.append(record(2))

    journal.close()
    assert kept
    assert replayed(tmp_path) == [2]


def test_event_whose_file_is_closed_before_it_is_counted_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    drained(journal.take, journal.settle)

    written(monkeypatch, before=nothing, after=journal.close)
    journal.append(record(2))
    first = replayed(tmp_path)

    assert first == [2]


def test_files_of_a_sender_that_may_still_read_are_left(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    drained(journal.take, journal.settle)

    journal.close(reader_ended=False)

    assert len([*tmp_path.rglob("*.journal")]) == 1


def test_taken_events_are_kept_until_they_are_settled(tmp_path: Path) -> None:
    journal = make_journal(tmp_path)
    journal.append(record(1))
    journal.take(10, ALL)

    journal.close()

    assert replayed(tmp_path) == [1]


def test_forked_child_leaves_its_parents_files_alone(tmp_path: Path) -> None:
    """The same object, as the child has it; without the lock, which is the parent's alone."""
    unused, journal = make_journal(tmp_path), make_journal(tmp_path)
    journal.append(record(1))

    unused.forget()
    journal.forget()
    journal.close()

    assert replayed(tmp_path) == [1]


def test_size_is_that_of_all_files(tmp_path: Path) -> None:
    journal = make_journal(tmp_path, segment_bytes=300)
    for number in range(30):
        journal.append(record(number))

    files = [path.stat().st_size for path in tmp_path.rglob("*.journal")]

    assert len(files) > 2
    assert journal.size == sum(files)


def test_damage_is_told_of_with_the_file_and_how_much_it_was(
    tmp_path: Path, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    path = half_settled(tmp_path)
    data = bytearray(path.read_bytes())
    for place in (data.index(b"25   "), data.index(b"35   ")):
        data[place] = ord("9")
    path.write_bytes(data)

    replayed(tmp_path, Damaged(tmp_path, log))

    name = f"{path.parent.name}-{path.name}"
    reason = "reason=not all of it is intact stretches=2"
    assert caplog.messages == [f"journal.damaged file={name} {reason}"]


def test_damage_in_a_living_journal_is_told_of_with_how_much_it_was(
    tmp_path: Path, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = Damaged(tmp_path, log)
    journal = make_journal(tmp_path, segment_bytes=600, damaged=damaged)
    for number in range(40):
        journal.append(record(number))
    path = min(tmp_path.rglob("*.journal"))
    data = bytearray(path.read_bytes())
    for place in (data.index(b"2     "), data.index(b"5     ")):
        data[place] = ord("7")
    path.write_bytes(data)

    drained(journal.take, journal.settle)

    assert damaged.stretches == 2
    assert "reason=not all of it is intact stretches=2" in caplog.messages[0]


def test_file_that_cannot_be_moved_away_keeps_nobody_from_working(tmp_path: Path) -> None:
    damaged = Damaged(tmp_path, LOG)

    damaged.set_aside(tmp_path / "gone" / "00000001.journal", "why", stretches=3)

    assert damaged.stretches == 3


def test_file_that_no_reader_can_stand_is_set_aside_with_what_was_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_settled(tmp_path)

    def fails(*_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(os, "pread", fails)
    replayed(tmp_path)

    (reason,) = tmp_path.glob("damaged/*.reason")
    assert reason.read_text() == "OverflowError while it was read\n"


@pytest.mark.parametrize(
    ("error", "told"), [(OSError(errno.EIO, "no disk"), "no disk"), (OSError("later"), "later")]
)
def test_file_that_cannot_be_read_now_is_told_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: RateLimitedLog,
    caplog: pytest.LogCaptureFixture,
    error: OSError,
    told: str,
) -> None:
    path = half_settled(tmp_path)
    (orphan,) = Orphans(tmp_path, Damaged(tmp_path, log), log).find(None)

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "pread", fails)

    assert orphan.take(10, ALL) == []
    assert caplog.messages == [f"journal.unreadable file={path.name} reason={told}"]


def test_half_replayed_journal_is_left_to_the_next_process_from_where_it_stands(
    tmp_path: Path,
) -> None:
    half_settled(tmp_path)
    (orphan,) = found(tmp_path)
    first = numbers(orphan.take(7, ALL))
    orphan.settle()
    orphan.take(7, ALL)  # not settled when the process ends

    orphan.release()

    assert first + replayed(tmp_path) == list(range(20, 50))


def test_orphan_has_nothing_to_settle_before_it_was_read(tmp_path: Path) -> None:
    half_settled(tmp_path)
    (orphan,) = found(tmp_path)

    orphan.settle()

    assert drained(orphan.take, orphan.settle) == list(range(20, 50))


def test_directory_that_is_not_there_is_told_of_only_if_it_is_anothers(
    tmp_path: Path, log: RateLimitedLog, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    for name in ("gone", "open", "open"):
        orphans = Orphans(tmp_path / name, Damaged(tmp_path, log), log)
        assert [*orphans.find(None), *orphans.find(None)] == []

    assert caplog.messages == ["journal.not_ours reason=open: others may write there"] * 2


def test_dangling_link_keeps_no_journal_from_being_sent(tmp_path: Path) -> None:
    half_settled(tmp_path)

    (tmp_path / "1-dangling").symlink_to(tmp_path / "nowhere")

    assert replayed(tmp_path) == list(range(20, 50))


def test_file_of_ours_whose_count_and_first_record_are_damaged_is_read_on(tmp_path: Path) -> None:
    path = half_settled(tmp_path)
    data = bytearray(path.read_bytes())
    data[8:20] = b"\xff" * 12
    path.write_bytes(data)
    damaged = Damaged(tmp_path, LOG)

    assert replayed(tmp_path, damaged) == list(range(1, 50))
    assert damaged.stretches == 1


def test_record_behind_junk_is_found_wherever_it_begins(tmp_path: Path) -> None:
    """Also where it lies across the end of what is read at once: the largest record there may be."""
    at_once = len(packed(record(0, size=MAX_EVENT_BYTES)))
    lengths = [1, 2, 3, *range(at_once - 30, at_once + 5)]
    wrong = {}

    for length in lengths:
        path = tmp_path / f"{length}.journal"
        one, two, three = (packed(record(number)) for number in (1, 2, 3))
        path.write_bytes(HEAD + one + b"x" * length + two + three)
        reader = SegmentReader(path)
        found = drained(partial(reader.take, complete=True), reader.settle)
        if (found, reader.damaged) != ([1, 2, 3], 1):
            wrong[length] = found, reader.damaged

    assert wrong == {}
