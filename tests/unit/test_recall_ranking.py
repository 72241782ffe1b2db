"""The order of what several searches found, and what held at a time."""

from dataclasses import replace
from typing import Any

import pytest

from tablestore_memory.recall.beside import BEST, lift
from tablestore_memory.recall.held import held_at
from tablestore_memory.recall.ranking import (
    Candidate,
    best_first,
    boost,
    cite,
    fused,
    listed,
    listed_by_words,
)
from tablestore_memory.recall.words import by_shared_words, words_first
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memory import Memory, Source

DAY_US = 86_400 * 1_000_000
NOW = 20_000 * DAY_US


def known(text: str, at: int = 0, **more: Any) -> Memory:
    return Memory("ana", text, valid_from=at, stated_at=at, **more).identified()


def order(lists: dict[str, list[str]]) -> list[str]:
    ranked = {name: listed(items) for name, items in lists.items()}
    return [each.item for each in best_first(fused(ranked, str))]


def test_what_two_searches_find_comes_before_what_one_finds() -> None:
    assert order({"vector": ["a", "b"], "words": ["c", "b"]})[0] == "b"


def test_rank_counts_and_not_how_many_are_found() -> None:
    assert order({"vector": ["a", "b", "c"], "words": ["d"]}) == ["a", "d", "b", "c"]


def test_entry_that_a_list_names_twice_counts_once() -> None:
    (candidate,) = fused({"vector": listed(["a", "a"])}, str)

    assert candidate.scores == {"vector": pytest.approx(1 / 61)}


def test_what_shares_few_words_gets_little_for_its_rank() -> None:
    found = {"words": listed_by_words([("a", 8.0), ("b", 8.0), ("c", 4.0)])}

    scores = {each.item: each.score for each in fused(found, str)}

    assert scores == {
        "a": pytest.approx(1 / 61),
        "b": pytest.approx(1 / 62),
        "c": pytest.approx(1 / 63 / 16),
    }


@pytest.mark.parametrize("now", [-(10**17), 10**18])
def test_time_that_no_calendar_has_boosts_like_any_other(now: int) -> None:
    (candidate,) = fused({"words": listed([known("Ana moves.", kind="plan")])}, str)

    boost([candidate], now, "When does she move?")

    assert candidate.score > 0


def test_fact_gains_what_the_words_of_its_best_message_have() -> None:
    sources = tuple(Source(message, "quote", "s") for message in ("m1", "m2"))
    quoted, other = Candidate(known("tea", sources=sources)), Candidate(known("coffee"))

    cite([quoted, other], "turns.words", {"m1": 0.01, "m2": 0.02, "m3": 0.03})

    assert quoted.scores == {"turns.words": 0.02}
    assert other.scores == {}


def test_recent_facts_gain_a_tenth_at_most_and_half_of_it_after_thirty_days() -> None:
    now, month, old = (
        Candidate(known(name, at), {"vector": 1.0})
        for name, at in (("now", NOW), ("month", NOW - 30 * DAY_US), ("old", 0))
    )

    boost([now, month, old], NOW, "tea?")

    assert now.score == pytest.approx(1.1)
    assert month.score == pytest.approx(1.05)
    assert old.score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("kind", "day", "loses"),
    [
        ("plan", "1999-12-31", True),
        ("plan", "2999-12-31", False),
        ("plan", None, False),
        ("event", "1999-12-31", False),
    ],
)
def test_plan_whose_day_is_over_loses_a_little(kind: str, day: str | None, loses: bool) -> None:
    candidate = Candidate(known("trip", kind=kind, event_start=day), {"vector": 1.0})

    boost([candidate], NOW, "trip?")

    assert (candidate.scores.get("validity", 0.0) < 0) == loses


@pytest.mark.parametrize(
    ("fact", "gains"),
    [
        (known("said then", NOW - 10 * DAY_US), True),
        (known("happened then", event_start="2024-09-26"), True),
        (known("began before", event_start="2024-08", event_end="2024-09-25"), True),
        (known("due by then", event_end="2024-09-25"), True),
        (known("another time", NOW, event_start="2024-08-01"), False),
    ],
)
def test_fact_of_the_days_that_the_question_names_gains_half(fact: Memory, gains: bool) -> None:
    candidate = Candidate(fact, {"vector": 1.0})

    boost([candidate], NOW, "What did she do on 25 September 2024?")

    assert candidate.scores.get("days") == (0.5 if gains else None)


def fact_of(*said: tuple[str, int], score: float) -> Candidate[Memory]:
    sources = tuple(Source(f"m{at}", "quote", session, 0, at) for session, at in said)
    return Candidate(known(f"{said}", sources=sources), {"vector": score})


def lifted(*facts: Candidate[Memory]) -> list[float]:
    lift(facts)
    return [fact.scores.get("beside", 0.0) for fact in facts]


def test_fact_gains_from_the_best_that_was_told_beside_it() -> None:
    best, good = fact_of(("s", 100), score=1.0), fact_of(("s", 500), score=0.5)
    between = fact_of(("s", 200), score=0.1)

    assert lifted(best, good, between) == pytest.approx([0.15 * 0.1, 0.15 * 0.1, 0.15 * 1.0])


def test_fact_gains_from_one_of_the_same_message_and_not_from_itself() -> None:
    best, same = fact_of(("s", 100), score=1.0), fact_of(("s", 100), score=0.1)

    assert lifted(best, same) == pytest.approx([0.15 * 0.1, 0.15])


def test_fact_gains_nothing_from_another_session_or_from_further_away() -> None:
    elsewhere, near = fact_of(("a", 100), score=1.0), fact_of(("s", 200), score=0.4)
    beside, far = fact_of(("s", 300), score=0.3), fact_of(("s", 400), score=0.2)

    assert lifted(elsewhere, near, beside, far) == pytest.approx([0, 0.045, 0.06, 0.045])


def test_message_is_beside_the_next_of_its_session_whatever_was_said_elsewhere_meanwhile() -> None:
    first, meanwhile = fact_of(("s", 100), score=1.0), fact_of(("a", 150), score=0.5)
    then = fact_of(("s", 200), score=0.1)

    assert lifted(first, meanwhile, then) == pytest.approx([0.015, 0, 0.15])


def test_fact_of_a_message_without_a_time_is_beside_nothing() -> None:
    assert lifted(fact_of(("s", 1), score=1.0), fact_of(("s", 0), score=0.5)) == [0, 0]


def test_facts_gain_from_the_best_alone() -> None:
    best = [fact_of((f"s{number}", 1), score=1.0) for number in range(BEST)]
    late, beside = fact_of(("s", 1), score=0.2), fact_of(("s", 2), score=0.1)

    assert lifted(*best, late, beside)[-2:] == [0, 0]


def was(memory: Memory, until: int, by: Memory) -> Replaced:
    return Replaced(
        document_id=memory.document_id,
        replaced_at=until,
        text=memory.text,
        valid_from=memory.valid_from,
        replaced_by=by.document_id,
        new_text=by.text,
        reason="moved",
    )


PARIS, ROME, OSLO = (
    known(f"Ana lives in {city}.", at) for city, at in (("Paris", 10), ("Rome", 20), ("Oslo", 30))
)
MOVES = [was(PARIS, 20, ROME), was(ROME, 30, OSLO)]


@pytest.mark.parametrize(
    ("moment", "told"), [(5, []), (10, [PARIS]), (19, [PARIS]), (20, [ROME]), (30, [OSLO])]
)
def test_what_held_then_stands_where_what_holds_now_was_found(
    moment: int, told: list[Memory]
) -> None:
    held = held_at(moment, {"vector": listed([OSLO])}, MOVES, "ana", "?")

    assert [each.item.text for each in held.ranked["vector"]] == [each.text for each in told]


def test_what_was_replaced_is_found_by_its_own_words_and_has_its_end() -> None:
    held = held_at(10, {"vector": []}, MOVES, "ana", "Was Ana ever in Paris?")

    (paris,) = held.ranked["memories.history"]
    assert paris.item.text == PARIS.text
    assert held.ends == {PARIS.document_id: 20}


def test_of_a_session_what_was_replaced_is_found_whatever_took_its_place() -> None:
    held = held_at(10, {"vector": []}, MOVES, "ana", "home?", of_session=True)

    assert [each.item.text for each in held.ranked["memories.history"]] == [PARIS.text]


def test_what_was_corrected_by_hand_never_held() -> None:
    corrected = [replace(MOVES[0], by_hand=True), MOVES[1]]

    held = held_at(10, {"vector": listed([OSLO])}, corrected, "ana", "Was Ana ever in Paris?")

    assert dict(held.ranked) == {"vector": [], "memories.history": []}


def test_history_that_goes_in_a_circle_ends() -> None:
    circle = [*MOVES, was(replace(OSLO, valid_from=30), 40, PARIS)]

    assert held_at(5, {"vector": listed([OSLO])}, circle, "ana", "?").ranked["vector"] == []


def test_longer_shared_words_weigh_more_and_fresh_ones_without_any_come_last() -> None:
    texts = ["I am at the sea.", "My bicycle is green.", "Nothing."]

    assert by_shared_words("Is the bicycle here?", texts, str) == [texts[1], texts[0]]
    assert words_first("Is the bicycle here?", texts, str) == [texts[1], texts[0], texts[2]]
