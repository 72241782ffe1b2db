"""New facts beside known ones: Qwen decides about meaning, code about time, numbers and what exists."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tablestore_memory.worker.consolidation.changes import Change
from tablestore_memory.worker.consolidation.consolidate import Consolidation
from tablestore_memory.worker.consolidation.merge import MOST_SOURCES
from tablestore_memory.worker.consolidation.related import Relatedness
from tablestore_memory.worker.failures.errors import RequestRefused, UnusableReply
from tablestore_memory.worker.qwen.client import Qwen, Reply
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory, Source
from tablestore_memory.worker.stores.memory import citations

DAY = 86_400_000_000  # µs


def fact(text: str, at: int = 1, vector: tuple[float, ...] = (1.0, 0.0), **more: Any) -> Embedded:
    source = Source(f"m{at}", text, "s")
    memory = Memory("ana", text, "s", valid_from=at, stated_at=at, sources=(source,), **more)
    return Embedded(memory.identified(), list(vector))


def known(*facts: Embedded) -> dict[str, Embedded]:
    return {each.memory.document_id: each for each in facts}


class ScriptedQwen(Qwen):
    """Answers with these decisions in turn, and keeps what it was asked."""

    model = "scripted"

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def json(self, system: str, user: str, *, max_tokens: int = 0) -> Reply:
        self.asked.append(json.loads(user))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(json.dumps({"decisions": answer}), 1, 1, "r")

    def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        return [[0.5, 0.5] for _ in texts]


def consolidate(
    qwen: Qwen,
    new: list[Embedded],
    known: dict[str, Embedded],
    replaced: Sequence[Replaced] = (),
    **different: Any,
) -> list[Change]:
    """What may have to do with each other is told by the vectors alone here."""
    near = Relatedness(needed={"fact": 0.5, "event": 0.5, "plan": 0.5}, words=0, hubs=0, change=0)
    return Consolidation(qwen, near, **different).decided(new, known, replaced).changes


def decide(n: int, action: str, *of: int, **more: Any) -> dict[str, Any]:
    return {"n": n, "do": action, "of": list(of)} | more


def listed(items: list[Any]) -> list[Any]:
    """Without the days between them."""
    return [item for item in items if isinstance(item, list)]


def told(changes: list[Change]) -> list[tuple[str, list[str]]]:
    return [(c.written.memory.text, [old.text for old in c.replaces]) for c in changes]


def test_fact_that_has_to_do_with_nothing_is_added_without_asking() -> None:
    qwen = ScriptedQwen()

    changes = consolidate(qwen, [fact("Ana likes tea")], known(fact("Rex barks", 0, (0.0, 1.0))))

    assert told(changes) == [("Ana likes tea", [])]
    assert qwen.asked == []


def test_same_text_said_again_gains_a_source_without_asking() -> None:
    qwen = ScriptedQwen()

    (change,) = consolidate(qwen, [fact("Ana likes tea.", 5)], known(fact("Ana likes tea", 1)))

    assert [s.message_id for s in change.written.memory.sources] == ["m1", "m5"]
    assert (change.written.memory.valid_from, change.written.memory.stated_at) == (1, 5)
    again = consolidate(qwen, [fact("Ana likes tea.", 5)], known(change.written))
    assert again == []


def test_all_facts_of_a_piece_are_asked_about_at_once_with_what_is_known_of_each() -> None:
    home = fact("Ana lives in Paris", DAY, subject="Ana", kind="profile")
    bakes = fact("Wants to bake", 2 * DAY, (0.0, 1.0), subject="Ana", kind="plan")
    moved = fact("Ana moved to Lyon", 3 * DAY, subject="Ana", kind="event", event_start="2024-02")
    cooks = fact("Ana cooks", 4 * DAY, (0.0, 1.0), event_start="2024", event_end="2025")
    alone = fact("Ana swims", 5 * DAY, (-1.0, 0.0))
    qwen = ScriptedQwen([])

    changes = consolidate(qwen, [cooks, alone, moved], known(bakes, home))

    assert qwen.asked == [
        {
            "existing": [
                *("1970-01", [1, "profile", "Ana lives in Paris"]),
                [2, "plan", "Ana", "Wants to bake"],
            ],
            "new_facts": [
                *("1970-01-04", [3, "event", "Ana moved to Lyon (2024-02)"]),
                *("1970-01-05", [4, "fact", "Ana cooks (2024/2025)"]),
            ],
        }
    ]
    assert told(changes) == [("Ana moved to Lyon", []), ("Ana cooks", []), ("Ana swims", [])]


def test_facts_of_one_piece_that_restate_each_other_become_one() -> None:
    qwen = ScriptedQwen([decide(2, "duplicate", 1)])

    changes = consolidate(qwen, [fact("Ana likes tea", 1), fact("Ana is fond of tea", 2)], {})

    assert [len(listed(asked["new_facts"])) for asked in qwen.asked] == [2]
    assert told(changes) == [("Ana likes tea", []), ("Ana likes tea", [])]
    assert [s.message_id for s in changes[-1].written.memory.sources] == ["m1", "m2"]


def test_stated_changed_and_changed_back_in_one_conversation_ends_as_said_last() -> None:
    qwen = ScriptedQwen([decide(2, "supersede", 1), decide(3, "supersede", 2)])
    facts = [fact("Ana likes tea", 1), fact("Ana hates tea", 2), fact("Ana likes tea", 3)]

    changes = consolidate(qwen, facts, {})

    assert told(changes) == [
        ("Ana likes tea", []),
        ("Ana hates tea", ["Ana likes tea"]),
        ("Ana likes tea", ["Ana hates tea"]),
    ]
    assert changes[-1].written.memory.valid_from == 3


def test_fact_said_before_it_was_replaced_is_not_written_again() -> None:
    replaced = Replaced(fact("Ana lives in Paris").memory.document_id, 5, "", 1, "", "", "")

    changes = consolidate(ScriptedQwen(), [fact("Ana lives in Paris", 4)], {}, [replaced])

    assert changes == []


def test_fact_said_again_after_it_was_replaced_holds_anew() -> None:
    replaced = Replaced(fact("Ana lives in Paris").memory.document_id, 5, "", 1, "", "", "")

    changes = consolidate(ScriptedQwen(), [fact("Ana lives in Paris", 6)], {}, [replaced])

    assert told(changes) == [("Ana lives in Paris", [])]


def test_fact_that_was_said_before_and_again_after_it_was_replaced_holds_anew() -> None:
    replaced = Replaced(fact("Ana lives in Paris").memory.document_id, 5, "", 1, "", "", "")
    before, again = fact("Ana lives in Paris", 4), fact("Ana lives in Paris", 6)

    (change,) = consolidate(ScriptedQwen(), [before, again], {}, [replaced])

    assert change.written.memory.valid_from == 6


def corrected(memory: Embedded, at: int) -> Embedded:
    return replace(memory, memory=replace(memory.memory, stated_at=at, edited_at=at))


@pytest.mark.parametrize("action", ["duplicate", "refine"])
def test_what_was_corrected_stays_word_for_word_beside_what_was_said_before(action: str) -> None:
    lyon = corrected(fact("Ana lives in Lyon", 1), at=9)
    decisions = [decide(2, action, 1, t="Ana lives in Lyon and Paris")]

    changes = consolidate(ScriptedQwen(decisions), [fact("Ana lives in Paris", 5)], known(lyon))

    assert changes == []


def test_what_was_corrected_is_ended_by_what_is_said_later_and_by_nothing_before() -> None:
    lyon = corrected(fact("Ana lives in Lyon", 1), at=9)
    before, later = fact("Ana lives in Paris", 5), fact("Ana lives in Rome", 10)

    early = consolidate(ScriptedQwen([decide(2, "supersede", 1)]), [before], known(lyon))
    late = consolidate(ScriptedQwen([decide(2, "supersede", 1)]), [later], known(lyon))

    assert told(early) == [
        ("Ana lives in Paris", []),
        ("Ana lives in Lyon", ["Ana lives in Paris"]),
    ]
    assert told(late) == [("Ana lives in Rome", ["Ana lives in Lyon"])]


def test_what_was_corrected_and_then_added_to_still_stays_beside_what_was_said_before() -> None:
    lyon = corrected(fact("Ana lives in Lyon", 1), at=9)
    added = [decide(2, "refine", 1, t="Ana lives in Lyon and likes cats")]
    (change,) = consolidate(ScriptedQwen(added), [fact("Ana likes cats", 10)], known(lyon))
    assert change.written.memory.text == "Ana lives in Lyon and likes cats"
    merged = [decide(2, "refine", 1, t="Ana lives in Paris")]

    changes = consolidate(
        ScriptedQwen(merged), [fact("In Paris", 5, (0.5, 0.5))], known(change.written)
    )

    assert changes == []


def test_kind_that_was_corrected_is_not_said_back() -> None:
    tea = corrected(fact("Ana likes tea", 1), at=9)
    again = fact("Ana likes tea", 5)
    again = replace(again, memory=replace(again.memory, kind="preference"))

    assert consolidate(ScriptedQwen(), [again], known(tea)) == []


@pytest.mark.parametrize(
    ("quote", "at", "is_over"),
    [("In Paris!", 5, True), ("in Rome", 5, False), ("in Paris", 10, False)],
)
def test_fact_in_other_words_that_rests_on_those_of_what_was_deleted_is_over(
    quote: str, at: int, is_over: bool
) -> None:
    source = Source("m1", "in Paris")
    deleted = Replaced(
        "gone", 9, "", 0, "", "", "", by_hand=True, cited=tuple(citations("ana", [source]))
    )
    new = fact("Paris is where Ana lives", at)
    new = replace(new, memory=replace(new.memory, sources=(Source("m1", quote),)))

    changes = consolidate(ScriptedQwen(), [new], {}, [deleted])

    assert (changes == []) == is_over


def of_sources(text: str, *numbers: int, at: int = 1) -> Embedded:
    found = fact(text, at)
    sources = tuple(Source(f"m{n}", "tea", f"s{n}") for n in numbers)
    return replace(found, memory=replace(found.memory, sources=sources))


@pytest.mark.parametrize("number", [MOST_SOURCES, MOST_SOURCES + 1])
def test_no_memory_is_made_of_more_sources_than_it_can_name(number: int) -> None:
    """Else what was said in a session that is forgotten would stay in its text."""
    likes = of_sources("Ana likes tea", *range(1, number))
    new = of_sources("Ana likes tea in the morning", number, at=5)
    answer = [decide(2, "refine", 1, t="Ana likes tea, in the morning")]

    changes = consolidate(ScriptedQwen(answer), [new], known(likes))

    is_one = [("Ana likes tea, in the morning", ["Ana likes tea"])]
    assert told(changes) == (is_one if number == MOST_SOURCES else [(new.memory.text, [])])


def test_sessions_that_number_their_messages_alike_are_both_sources() -> None:
    first, second = (
        replace(each, memory=replace(each.memory, sources=(Source("1", "I like tea", session),)))
        for each, session in ((fact("Ana likes tea", 1), "s1"), (fact("Ana likes tea", 2), "s2"))
    )

    (change,) = consolidate(ScriptedQwen(), [second], known(first))

    assert change.written.memory.sessions >= {"s1", "s2"}


def deleted(memory: Memory, **more: Any) -> Replaced:
    cited = tuple(citations(memory.user_id, memory.sources))
    return Replaced(memory.document_id, 9, "", 0, "", "", "", by_hand=True, cited=cited, **more)


def of_words(text: str, *quotes: str) -> Embedded:
    found = fact(text, 5)
    sources = tuple(Source("m1", quote) for quote in quotes)
    return replace(found, memory=replace(found.memory, sources=sources))


def test_fact_of_the_same_sentence_is_written_where_the_deleted_one_is_found_beside_it() -> None:
    tea, chess = of_words("Ana likes tea", "both"), of_words("Ana likes chess", "both")

    changes = consolidate(ScriptedQwen(), [tea, chess], {}, [deleted(tea.memory)])

    assert told(changes) == [("Ana likes chess", [])]


def test_fact_found_beside_one_that_was_only_replaced_is_no_other_than_the_deleted_one() -> None:
    tea, paris = of_words("Ana likes tea", "both"), of_words("Ana lives in Paris", "both")
    replaced = Replaced(paris.memory.document_id, 9, "", 0, "", "", "")
    in_other_words = of_words("Ana is fond of tea", "both")

    changes = consolidate(
        ScriptedQwen(), [paris, in_other_words], {}, [replaced, deleted(tea.memory)]
    )

    assert changes == []


def test_what_was_said_later_holds_in_whatever_order_it_arrives() -> None:
    early, middle, late = fact("lives in A", 1), fact("lives in B", 2), fact("lives in C", 3)
    qwen = ScriptedQwen([decide(3, "supersede", 1, 2)])

    changes = consolidate(qwen, [middle], known(early, late))

    assert told(changes) == [("lives in B", ["lives in A"]), ("lives in C", ["lives in B"])]


def test_plan_that_came_true_goes_to_the_history_and_the_event_has_its_sources() -> None:
    plan = fact("Ana wants to camp in 2023-06", 1, kind="plan", event_start="2023-06")
    event = fact("Ana camped in 2023-06", 2, kind="event", event_start="2023-06")
    qwen = ScriptedQwen([decide(2, "supersede", 1, why="carried out")])

    (change,) = consolidate(qwen, [event], known(plan))

    assert told([change]) == [("Ana camped in 2023-06", ["Ana wants to camp in 2023-06"])]
    assert [s.message_id for s in change.written.memory.sources] == ["m2", "m1"]
    assert (change.written.memory.kind, change.written.memory.valid_from) == ("event", 2)
    assert change.reason == "carried out"


def test_newest_statement_of_when_an_event_happens_holds() -> None:
    first = fact("Ana's wedding is on 2023-06-01", 1, kind="event", event_start="2023-06-01")
    second = fact("Ana's wedding is on 2023-06-08", 2, kind="event", event_start="2023-06-08")
    qwen = ScriptedQwen([decide(2, "supersede", 1)])

    (change,) = consolidate(qwen, [second], known(first))

    assert told([change]) == [
        ("Ana's wedding is on 2023-06-08", ["Ana's wedding is on 2023-06-01"])
    ]
    assert change.written.memory.event_start == "2023-06-08"


def test_what_still_holds_of_a_state_that_ended_is_told_with_the_new_one() -> None:
    old = fact("Ana lives in Paris with 2 cats", 1)
    text = "Ana lives in Lyon with 2 cats since 2024."
    qwen = ScriptedQwen([decide(2, "supersede", 1, t=text, why="moved")])

    (change,) = consolidate(qwen, [fact("Ana moved to Lyon in 2024", 2)], known(old))

    assert told([change]) == [(text, ["Ana lives in Paris with 2 cats"])]
    assert [s.message_id for s in change.written.memory.sources] == ["m1", "m2"]
    assert (change.written.memory.valid_from, change.written.memory.stated_at) == (2, 2)


@pytest.mark.parametrize(
    "text", ["Ana lives in Lyon.", "Ana lives in Lyon since 2024 with 3 cats."]
)
def test_text_that_loses_or_makes_up_a_figure_of_the_new_state_is_not_taken(text: str) -> None:
    old = fact("Ana lives in Paris with 2 cats", 1)
    qwen = ScriptedQwen([decide(2, "supersede", 1, t=text)])

    changes = consolidate(qwen, [fact("Ana moved to Lyon in 2024", 2)], known(old))

    assert told(changes) == [("Ana moved to Lyon in 2024", ["Ana lives in Paris with 2 cats"])]


def test_refined_fact_keeps_sources_dates_and_kinds_of_both() -> None:
    old = fact("Ana likes jazz a lot", 1, kind="preference", event_start="2020", subject="Ana")
    new = fact("Ana likes jazz on Sundays", 2)
    qwen = ScriptedQwen([decide(2, "refine", 1, t="Ana likes jazz a lot on Sundays")])

    (change,) = consolidate(qwen, [new], known(old))

    memory = change.written.memory
    assert [s.message_id for s in memory.sources] == ["m1", "m2"]
    assert (memory.kind, memory.event_start, memory.subject) == ("preference", "2020", "Ana")
    assert (memory.valid_from, memory.stated_at) == (1, 2)
    assert change.written.vector == [0.5, 0.5]
    assert [old.text for old in change.replaces] == ["Ana likes jazz a lot"]


def test_restated_fact_gains_the_date_and_the_kind_that_it_lacked() -> None:
    old = fact("Ana ran a marathon", 1)
    new = fact("A marathon was run by Ana", 2, kind="event", event_start="2023-05-07")
    qwen = ScriptedQwen([decide(2, "duplicate", 1)])

    (change,) = consolidate(qwen, [new], known(old))

    memory = change.written.memory
    assert memory.text == "Ana ran a marathon"
    assert (memory.kind, memory.event_start) == ("event", "2023-05-07")
    assert (memory.valid_from, memory.stated_at) == (1, 2)


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        (("2023-05", None), ("2023-05-07", None), ("2023-05-07", None)),
        (("2023", None), ("2023-05~", None), ("2023-05~", None)),
        (("2023-05-08~", None), ("2023-05-08", None), ("2023-05-08", None)),
        (("2023-05-06", None), ("2023-05-06", "2023-05-07"), ("2023-05-06", "2023-05-07")),
        (("2023-05", None), ("2023-05-06", "2023-05-07"), ("2023-05-06", "2023-05-07")),
        ((None, None), ("2023-05", None), ("2023-05", None)),
    ],
)
@pytest.mark.parametrize("action", ["duplicate", "refine"])
def test_of_two_dates_of_one_thing_the_more_exact_one_stays(
    one: tuple[str | None, str | None],
    other: tuple[str | None, str | None],
    kept: tuple[str | None, str | None],
    action: str,
) -> None:
    for first, second in ((one, other), (other, one)):
        old = fact("Ana ran a marathon", 1, event_start=first[0], event_end=first[1])
        new = fact("Ana ran it", 2, event_start=second[0], event_end=second[1])
        qwen = ScriptedQwen([decide(2, action, 1, t="Ana ran a marathon")])

        (change,) = consolidate(qwen, [new], known(old))

        memory = change.written.memory
        assert (memory.event_start, memory.event_end) == kept


def test_of_two_dates_that_contradict_each_other_the_one_said_last_stays() -> None:
    old = fact("Ana ran a marathon", 1, event_start="2023-05-07")
    new = fact("Ana ran it", 2, event_start="2023-06")
    qwen = ScriptedQwen([decide(2, "refine", 1, t="Ana ran a marathon")])

    (change,) = consolidate(qwen, [new], known(old))

    assert change.written.memory.event_start == "2023-06"


def test_later_fact_of_a_piece_finds_what_an_earlier_one_was_merged_into() -> None:
    qwen = ScriptedQwen(
        [
            decide(2, "refine", 1, t="Ana likes jazz a lot on Sundays"),
            decide(3, "supersede", 2),
        ]
    )
    new = [fact("Ana likes jazz on Sundays", 2), fact("Ana is done with jazz", 3)]

    changes = consolidate(qwen, new, known(fact("Ana likes jazz a lot", 1)))

    assert told(changes) == [
        ("Ana likes jazz a lot on Sundays", ["Ana likes jazz a lot"]),
        ("Ana is done with jazz", ["Ana likes jazz a lot on Sundays"]),
    ]


def test_merged_text_that_gets_no_vector_is_not_made() -> None:
    class Refusing(ScriptedQwen):
        def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
            raise RequestRefused("no")

    qwen = Refusing([decide(2, "refine", 1, t="Ana likes jazz a lot on Sundays")])

    changes = consolidate(
        qwen, [fact("Ana likes jazz on Sundays", 2)], known(fact("Ana likes jazz a lot", 1))
    )

    assert told(changes) == [("Ana likes jazz on Sundays", [])]


@pytest.mark.parametrize(
    "text",
    [
        "Ana has cats",  # a number lost
        "Ana has 3 cats since 2020",  # a number invented
        "Ana has 3 cats, my password is hunter22",
        None,
    ],
)
def test_merge_that_loses_or_invents_figures_or_holds_a_secret_is_not_made(text: str) -> None:
    qwen = ScriptedQwen([decide(2, "refine", 1, t=text)])

    changes = consolidate(qwen, [fact("Ana has 3 grey cats", 2)], known(fact("Ana has 3 cats", 1)))

    assert told(changes) == [("Ana has 3 grey cats", [])]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "Ana moved in April 2023",
            "Ana moved to Lyon (2023-04)",
            "Ana moved to Lyon in April 2023",
        ),
        ("Ana moved in April 2023", "Ana moved to Lyon (2023-04)", "Ana moved to Lyon in 2023-04"),
        (
            "Ana was born on 5 May 1990",
            "Ana was born in Rome",
            "Ana was born in Rome on 1990-05-05",
        ),
        ("Ana has ten cats", "Ana has 10 grey cats", "Ana has 10 grey cats"),
        ("Ana has twenty-five cats", "Ana has grey cats", "Ana has 25 grey cats"),
        ("Ana has 2,500 books", "Ana has old books", "Ana has two thousand five hundred old books"),
        ("Ana has 2 cats (as of 2023-05-08)", "Ana has 2 grey cats", "Ana has 2 grey cats"),
        (
            "Ana has 2 cats (as of 2023-05-08)",
            "Ana has 2 grey cats (as of 2023-06-09)",
            "Ana has 2 grey cats (as of 2023-06-09)",
        ),
        ("小李2023年4月搬家", "小李搬到了里昂", "小李2023-04搬到了里昂"),
        ("小李养了十只猫", "小李养的猫是灰色的", "小李养了10只灰色的猫"),
        ("小李有二十五本书", "小李的书很旧", "小李有25本旧书"),
        ("小李有两只猫（截至2023-05-08）", "小李的猫是灰色的", "小李有2只灰色的猫"),
    ],
)
def test_figure_is_the_same_however_it_is_written(old: str, new: str, text: str) -> None:
    qwen = ScriptedQwen([decide(2, "refine", 1, t=text)])

    changes = consolidate(qwen, [fact(new, 2)], known(fact(old, 1)))

    assert told(changes) == [(text, [old])]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("Ana moved in April 2023", "Ana moved to Lyon", "Ana moved to Lyon in 2023"),
        ("Ana moved in April 2023", "Ana moved to Lyon", "Ana moved to Lyon in May 2023"),
        ("Ana has ten cats", "Ana has grey cats", "Ana has grey cats"),
        ("Ana has ten cats", "Ana has grey cats", "Ana has twelve grey cats"),
        ("Ana has a cat", "Ana has a grey cat", "Ana has a grey cat (as of 2023-05-08)"),
        ("小李养了十只猫", "小李养的猫是灰色的", "小李养了灰色的猫"),
    ],
)
def test_figure_in_words_is_not_lost_nor_made_up(old: str, new: str, text: str) -> None:
    qwen = ScriptedQwen([decide(2, "refine", 1, t=text)])

    changes = consolidate(qwen, [fact(new, 2)], known(fact(old, 1)))

    assert told(changes) == [(new, [])]


@pytest.mark.parametrize(
    "decision",
    [
        decide(2, "supersede", 7),  # out of range
        decide(2, "supersede", 2),  # itself
        decide(2, "supersede", 1, c=0.3),
        decide(2, "supersede"),
        decide(2, "noop", 1),
        decide(9, "supersede", 1),  # about no fact of ours
        decide(1, "supersede", 2),  # what is known is not decided on
    ],
)
def test_decision_that_does_not_hold_keeps_both(decision: dict[str, Any]) -> None:
    changes = consolidate(
        ScriptedQwen([decision]), [fact("Ana is 31", 2)], known(fact("Ana is 30", 1))
    )

    assert told(changes) == [("Ana is 31", [])]


def test_two_facts_never_replace_the_same_memory_twice() -> None:
    old = fact("Ana lives in Paris", 1)
    new = [fact("Ana moved", 2), fact("Bo left", 3)]
    qwen = ScriptedQwen([decide(2, "supersede", 1), decide(3, "supersede", 1)])

    changes = consolidate(qwen, new, known(old))

    assert told(changes) == [("Ana moved", ["Ana lives in Paris"]), ("Bo left", [])]


def test_answer_of_no_use_is_asked_for_in_halves_then_both_are_kept() -> None:
    bad = UnusableReply("no")
    new = [fact("tea is fine", 2, (1.0, 0.0)), fact("Bo left town", 3, (0.4, 0.9))]
    qwen = ScriptedQwen(bad, [decide(2, "duplicate", 1)], bad)

    changes = consolidate(qwen, new, known(fact("something", 1, (0.8, 0.6))))

    assert [len(listed(asked["new_facts"])) for asked in qwen.asked] == [2, 1, 1]
    assert [len(listed(asked["existing"])) for asked in qwen.asked] == [1, 1, 2]
    assert told(changes) == [("something", []), ("Bo left town", [])]


def test_more_facts_than_one_question_holds_are_asked_about_in_turn() -> None:
    qwen = ScriptedQwen([decide(2, "supersede", 1)], [decide(2, "supersede", 1)])
    new = [fact("Ana lives in Lyon", 2), fact("Ana lives in Rome", 3)]

    changes = consolidate(qwen, new, known(fact("Ana lives in Paris", 1)), facts_a_question=1)

    assert [len(listed(asked["existing"])) for asked in qwen.asked] == [1, 1]
    assert told(changes)[-1] == ("Ana lives in Rome", ["Ana lives in Lyon"])


def test_what_still_holds_may_name_dates_that_stand_beside_the_texts() -> None:
    """A model is shown when a fact happened and when it was said, so it may tell of these."""
    old = fact("Ana likes oolong, from a colleague", DAY, event_start="2025-06-28")
    new = fact("Ana likes Longjing again", 3 * DAY)
    text = "Ana likes Longjing again; on 2025-06-28 it was oolong, from a colleague."
    qwen = ScriptedQwen([decide(2, "supersede", 1, t=text)])

    (change,) = consolidate(qwen, [new], known(old))

    assert change.written.memory.text == text


@pytest.mark.parametrize("action", ["supersede", "refine"])
def test_merged_text_gets_the_date_that_a_model_leaves_out_of_it(action: str) -> None:
    """As code writes the date behind a fact, a model writes a text without."""
    old = fact("The shop is open from 10 to 19", DAY, event_start="2024-01")
    new = fact("The shop closes on Wednesdays. (2025-05)", 3 * DAY, event_start="2025-05")
    text = "The shop is open from 10 to 19, but closes on Wednesdays."
    qwen = ScriptedQwen([decide(2, action, 1, t=text)])

    (change,) = consolidate(qwen, [new], known(old))

    assert change.written.memory.text == f"{text} (2025-05)"


def test_date_of_what_ended_is_not_that_of_what_took_its_place() -> None:
    old = fact("Ana plays chess with 2 friends (2024-01)", DAY, event_start="2024-01")
    new = fact("Ana plays go", 3 * DAY)
    text = "Ana plays go with 2 friends."
    qwen = ScriptedQwen([decide(2, "supersede", 1, t=text)])

    (change,) = consolidate(qwen, [new], known(old))

    written = change.written.memory
    assert (written.text, written.event_start) == (text, None)
