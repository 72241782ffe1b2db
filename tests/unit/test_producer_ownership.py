"""A journal below a folder that others share: what is theirs is neither read nor written."""

import logging
import os
from pathlib import Path

import pytest

from tablestore_memory.producer import Publisher
from tablestore_memory.producer.backlog import Record
from tablestore_memory.producer.damaged import Damaged
from tablestore_memory.producer.dead_letters import FILE, DeadLetters, Letter
from tablestore_memory.producer.journal import Journal
from tablestore_memory.producer.log import RateLimitedLog
from tablestore_memory.producer.orphans import Orphans
from tablestore_memory.producer.ownership import NotOurs, make_private
from tablestore_memory.producer.spool import Spool

LOG = RateLimitedLog(logging.getLogger("test"))
LETTER = Letter(at=1.0, reason="why", event="{}")


def journal_below(target: Path) -> Journal:
    return Journal(
        lambda: Spool.create(target),
        segment_bytes=1024,
        max_bytes=10_240,
        damaged=Damaged(target, LOG),
        log=LOG,
    )


def left_behind(target: Path) -> Path:
    """The directory of a process that ended with an event."""
    journal = journal_below(target)
    assert journal.append(Record(1, 1, b"{}"))
    path = journal.path
    journal.close()
    assert path is not None
    return path


def as_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on all that is there is somebody else's."""
    uid = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def test_all_that_is_made_is_this_users_alone(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "target"
    umask = os.umask(0)

    left_behind(target)
    DeadLetters(target).add(LETTER)
    os.umask(umask)

    made = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert len(made) == 7
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


def test_directory_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    target.chmod(0o770)

    assert not journal_below(target).append(Record(1, 1, b"{}"))
    assert not DeadLetters(target).add(LETTER)
    assert [*target.iterdir()] == []


def test_link_in_the_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "target").symlink_to(elsewhere)

    with pytest.raises(NotOurs):
        make_private(tmp_path / "target")
    assert not DeadLetters(tmp_path / "target").add(LETTER)
    assert [*elsewhere.iterdir()] == []


def test_dead_letters_are_not_written_into_a_file_that_a_link_leads_to(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "target"
    target.mkdir(mode=0o700)
    victim.write_text("precious\n")
    (target / FILE).symlink_to(victim)

    assert not DeadLetters(target).add(LETTER)
    assert victim.read_text() == "precious\n"


def test_journal_of_another_user_is_not_sent_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = left_behind(tmp_path / "target")
    log = RateLimitedLog(logging.getLogger("test"), monotonic=iter(range(0, 10**6, 100)).__next__)
    orphans = Orphans(tmp_path / "target", Damaged(tmp_path, log), log)

    as_another_user(monkeypatch)
    found = [*orphans.find(None), *orphans.find(None)]

    assert found == []
    assert caplog.text.count("journal.not_ours") == 1
    assert len([*theirs.iterdir()]) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")
@pytest.mark.parametrize("planted", ["directory", "lock", "segment"])
def test_what_another_user_put_into_our_directory_is_not_sent(tmp_path: Path, planted: str) -> None:
    spool = left_behind(tmp_path)
    segment = next(spool.glob("*.journal"))
    path = {"directory": spool, "lock": spool / "lock", "segment": segment}[planted]

    os.chown(path, 12_345, 12_345)

    orphans = Orphans(tmp_path, Damaged(tmp_path, LOG), LOG)
    assert [event for orphan in orphans.find(None) for event in orphan.take(10, 10**6)] == []
    assert segment.exists()


def test_linked_segment_is_not_sent(tmp_path: Path) -> None:
    spool = left_behind(tmp_path / "target")
    segment = next(spool.glob("*.journal"))
    segment.rename(tmp_path / "elsewhere")

    segment.symlink_to(tmp_path / "elsewhere")

    orphans = Orphans(tmp_path / "target", Damaged(tmp_path, LOG), LOG)
    assert [event for orphan in orphans.find(None) for event in orphan.take(10, 10**6)] == []


def test_publisher_whose_directory_is_anothers_keeps_events_in_memory(
    tmp_path: Path, redis_url: str, fresh_name: str
) -> None:
    with Publisher(redis_url, prefix=fresh_name, journal_dir=str(tmp_path)) as publisher:
        publisher.session_end(user_id="u1", session_id="s1")
        publisher.flush(10)
    (target,) = tmp_path.iterdir()
    target.chmod(0o777)

    with Publisher(redis_url, prefix=fresh_name, journal_dir=str(tmp_path)) as publisher:
        publisher.session_end(user_id="u1", session_id="s1")

        assert publisher.flush(10)
        assert publisher.stats().acked == 1
    assert [*target.iterdir()] == []
