"""Journals of the publisher for tests: written, taken from, left behind, replayed."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.journal import Journal
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.orphans import Orphan, Orphans
from tablestore_memory.producer.spool import Spool

LOG = RateLimitedLog(logging.getLogger("test"))


def make_journal(
    target: Path,
    *,
    segment_bytes: int = 1024**2,
    max_bytes: int = 1024**3,
    damaged: Damaged | None = None,
    log: RateLimitedLog = LOG,
) -> Journal:
    """One that tries a broken disk again at once."""
    return Journal(
        lambda: Spool.create(target),
        segment_bytes=segment_bytes,
        max_bytes=max_bytes,
        damaged=damaged or Damaged(target, LOG),
        log=log,
        pause_s=0,
    )


def record(number: int, size: int = 10) -> Record:
    return Record(number, 1_700_000_000_000_000, f"{number}".encode().ljust(size, b" "))


def numbers(records: list[Record]) -> list[int]:
    return [int(one.data) for one in records]


def drained(take: Callable[[int, int], list[Record]], settle: Callable[[], None]) -> list[int]:
    found: list[int] = []
    while batch := take(7, 10**6):
        found += numbers(batch)
        settle()
    return found


def found(target: Path, damaged: Damaged | None = None) -> Iterator[Orphan]:
    return Orphans(target, damaged or Damaged(target, LOG), LOG).find(None)


def replayed(target: Path, damaged: Damaged | None = None) -> list[int]:
    return [n for orphan in found(target, damaged) for n in drained(orphan.take, orphan.settle)]


def half_settled(target: Path) -> Path:
    """The file of a process that is gone, 20 of its 50 events settled."""
    journal = make_journal(target)
    for number in range(50):
        journal.append(record(number))
    journal.take(20, 10**6)
    journal.settle()
    journal.close()
    return next(target.rglob("*.journal"))
