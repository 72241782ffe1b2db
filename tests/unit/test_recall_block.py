"""The block keeps its budget whatever stands in it, and what is in it stands in order."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablestore_memory.recall.block import fitting, room_for_turns, written
from tablestore_memory.worker.qwen.tokens import tokens_of


@dataclass(frozen=True, eq=False)
class Line:
    line: str
    day: str = ""
    id: str = ""
    cited: tuple[str, ...] = ()


days = st.sampled_from(["", "2023-05-08", "2023-05-09", "2024-01-01"])
lines = st.lists(
    st.builds(Line, st.text(max_size=300).map(lambda text: " ".join(text.split())), days),
    max_size=40,
)
budgets = st.integers(min_value=1, max_value=600)
shares = st.floats(min_value=0, max_value=1)


@given(lines, lines, budgets, shares)
def test_budget_is_never_exceeded(
    facts: list[Line], turns: list[Line], tokens: int, share: float
) -> None:
    text = written(*fitting(facts, turns, tokens, share))

    assert tokens_of(text) <= tokens


@pytest.mark.parametrize("length", range(30, 60))
def test_budget_is_kept_to_the_byte(length: int) -> None:
    """Of all budgets, the least that a fact and a turn of this length fit into."""
    line = [Line("x" * length)]

    least = next(n for n in range(1, 100) if all(fitting(line, line, n, 0.5)))

    assert tokens_of(written(line, line)) == least


@given(lines, lines, budgets, shares)
def test_what_is_taken_keeps_its_order_and_is_taken_once(
    facts: list[Line], turns: list[Line], tokens: int, share: float
) -> None:
    known, said = fitting(facts, turns, tokens, share)

    assert known == [each for each in facts if each in known]
    assert said == [each for each in turns if each in said]


def many(word: str) -> list[Line]:
    return [Line(f"{word} number {n:02} has a line of its own.") for n in range(200)]


def test_facts_take_their_share_and_turns_the_rest() -> None:
    known, said = fitting(many("fact"), many("turn"), 1_000, 0.6)

    assert 0.55 < len(known) / (len(known) + len(said)) < 0.62
    assert tokens_of(written(known, said)) > 980


def test_turns_that_told_facts_came_from_give_their_room_to_others() -> None:
    fact = Line("Ana lives in Paris.", cited=("home",))
    cited, other = Line("I live in Paris.", id="home"), Line("My flat has a balcony.", id="flat")

    known, said = fitting([fact], [cited, other], 24, 0.6)

    assert (known, said) == ([fact], [other])


def test_turns_that_told_facts_came_from_are_told_where_there_is_room() -> None:
    fact = Line("Ana lives in Paris.", cited=("home",))
    turns = [Line("I live in Paris.", id="home"), Line("My flat has a balcony.", id="flat")]

    assert fitting([fact], turns, 100, 0.5) == ([fact], turns)


def test_room_that_turns_do_not_need_goes_to_facts() -> None:
    known, said = fitting(many("fact"), many("turn")[:1], 1_000, 0.6)

    assert len(said) == 1
    assert tokens_of(written(known, said)) > 980


def test_room_that_facts_do_not_need_goes_to_turns() -> None:
    known, said = fitting(many("fact")[:1], many("turn"), 1_000, 0.6)

    assert len(known) == 1
    assert tokens_of(written(known, said)) > 980


@pytest.mark.parametrize(("share", "facts", "turns"), [(0, False, True), (1, True, False)])
def test_block_may_be_of_facts_or_of_turns_alone(share: float, facts: bool, turns: bool) -> None:
    known, said = fitting(many("fact")[:3], many("turn")[:3], 1_000, share)

    assert (bool(known), bool(said)) == (facts, turns)


def test_room_for_turns_is_what_the_facts_that_are_told_first_leave() -> None:
    facts = [Line(f"fact number {n:03} has a line of its own", cited=(str(n),)) for n in range(200)]

    told, room = room_for_turns(facts, 1_000, 0.6)

    first, said = fitting(facts, many("turn"), 1_000, 0.6)
    assert told == {turn_id for fact in first[: len(told)] for turn_id in fact.cited}
    assert room == pytest.approx(tokens_of(written([], said)), abs=10)


def test_all_room_is_for_turns_where_no_fact_is_wanted() -> None:
    assert room_for_turns([Line("a fact", cited=("1",))], 1_000, 0) == (set(), 1_000)


def test_what_does_not_fit_is_passed_over_for_what_does() -> None:
    known, _ = fitting([Line("x" * 500), Line("A short fact.")], [], 40, 0.6)

    assert [each.line for each in known] == ["A short fact."]


def test_what_is_of_one_day_stands_below_it_in_its_order_and_the_oldest_day_comes_first() -> None:
    facts = [Line("- b", "2023-05-09"), Line("- c", "2023-05-08"), Line("- a", "2023-05-09")]

    text = written([*facts, Line("- of no day")], [Line("13:01 Ana: Hi!", "2023-05-08")])

    known, said = text.split("\n\n")
    assert known.splitlines()[1:] == [
        "- of no day",
        "2023-05-08",
        "- c",
        "2023-05-09",
        "- b",
        "- a",
    ]
    assert said.splitlines() == ["What was said:", "2023-05-08", "13:01 Ana: Hi!"]


@pytest.mark.parametrize("length", range(30, 60))
def test_day_is_paid_for_once(length: int) -> None:
    """Of all budgets, the least that two facts of one day fit into."""
    facts = [Line("x" * length, "2023-05-08"), Line("y" * length, "2023-05-08")]

    least = next(n for n in range(1, 100) if len(fitting(facts, [], n, 1)[0]) == len(facts))

    assert tokens_of(written(facts, [])) == least


def test_nothing_to_tell_is_an_empty_text() -> None:
    assert written(*fitting([], [], 100, 0.6)) == ""
