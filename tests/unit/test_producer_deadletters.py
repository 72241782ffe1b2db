"""Events set aside: none is lost while many write and one takes them away."""

import threading
from collections.abc import Callable
from pathlib import Path

from tablestore_memory.producer.dead_letters import FILE, DeadLetters, Letter, read


def letter(number: int) -> Letter:
    return Letter(at=1.0, reason="why", event=f"{number}", accepted_us=number)


def into(sent: list[str]) -> Callable[[Letter], bool]:
    """Takes every letter and keeps what it holds."""

    def take(one: Letter) -> bool:
        sent.append(one.event)
        return True

    return take


def test_letters_put_back_are_sent_once_and_gone(tmp_path: Path) -> None:
    letters, sent = DeadLetters(tmp_path), list[str]()
    for number in range(3):
        letters.add(letter(number))

    counts = letters.requeue(into(sent), lambda: True)

    assert counts == (3, 0)
    assert sent == ["0", "1", "2"]
    assert letters.requeue(lambda _: True, lambda: True) == (0, 0)
    assert [*tmp_path.iterdir()] == []


def test_what_is_no_event_stays(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    for number in range(4):
        letters.add(letter(number))

    counts = letters.requeue(lambda one: one.accepted_us % 2 == 0, lambda: True)

    assert counts == (2, 2)
    assert [one.event for one in read(tmp_path / FILE)] == ["1", "3"]


def test_what_was_not_delivered_is_there_the_next_time(tmp_path: Path) -> None:
    letters, sent = DeadLetters(tmp_path), list[str]()
    letters.add(letter(1))
    undelivered = letters.requeue(lambda _: True, lambda: False)
    letters.add(letter(2))

    counts = letters.requeue(into(sent), lambda: True)

    assert undelivered is None
    assert counts == (2, 0)
    assert sorted(sent) == ["1", "2"]


def test_line_that_is_no_letter_costs_no_other(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.add(letter(1))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"at": 1, "reas\xff\n')
    letters.add(letter(2))

    counts = letters.requeue(lambda one: one.reason == "why", lambda: True)

    assert counts == (2, 1)
    assert "reas" in (tmp_path / FILE).read_text()


def test_nothing_is_lost_while_many_write_and_one_takes(tmp_path: Path) -> None:
    sent: list[str] = []

    def write(first: int) -> None:
        own = DeadLetters(tmp_path)
        for number in range(first, first + 300):
            assert own.add(letter(number))

    def take() -> None:
        DeadLetters(tmp_path).requeue(into(sent), lambda: True)

    threads = [threading.Thread(target=write, args=(n * 300,)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        take()
    take()

    assert sorted(map(int, sent)) == list(range(1200))
