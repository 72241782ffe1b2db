"""New facts beside known ones: Qwen decides about meaning, code about time, numbers and what exists."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tablestore_memory.worker.consolidation.consolidate import Change, consolidate
from tablestore_memory.worker.failures.errors import RequestRefused, UnusableReply
from tablestore_memory.worker.qwen.client import Qwen, Reply
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory, Source


def fact(text: str, at: int = 1, vector: tuple[float, ...] = (1.0, 0.0)) -> Embedded:
    source = Source(f"m{at}", text, "s")
    memory = Memory("ana", text, "s", valid_from=at, stated_at=at, sources=(source,))
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


def decide(action: str, *existing: int, fact: int = 1, **more: Any) -> dict[str, Any]:
    return {"fact": fact, "action": action, "existing": list(existing)} | more


def told(changes: list[Change]) -> list[tuple[str, list[str]]]:
    return [(c.written.memory.text, [old.text for old in c.replaces]) for c in changes]


def test_fact_without_neighbours_is_added_without_asking() -> None:
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


def test_stated_changed_and_changed_back_in_one_conversation_ends_as_said_last() -> None:
    qwen = ScriptedQwen([decide("supersede", 1)], [decide("supersede", 1)])
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


def test_what_was_said_later_holds_in_whatever_order_it_arrives() -> None:
    early, middle, late = fact("lives in A", 1), fact("lives in B", 2), fact("lives in C", 3)
    qwen = ScriptedQwen([decide("supersede", 1, 2)])

    changes = consolidate(qwen, [middle], known(early, late))

    assert told(changes) == [("lives in B", ["lives in A"]), ("lives in C", ["lives in B"])]


def test_refined_fact_keeps_the_sources_of_both() -> None:
    qwen = ScriptedQwen([decide("refine", 1, text="Ana likes jazz a lot on Sundays")])

    (change,) = consolidate(
        qwen, [fact("Ana likes jazz on Sundays", 2)], known(fact("Ana likes jazz a lot", 1))
    )

    assert [s.message_id for s in change.written.memory.sources] == ["m1", "m2"]
    assert change.written.vector == [0.5, 0.5]
    assert [old.text for old in change.replaces] == ["Ana likes jazz a lot"]


def test_merged_text_that_gets_no_vector_is_not_made() -> None:
    class Refusing(ScriptedQwen):
        def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
            raise RequestRefused("no")

    qwen = Refusing([decide("refine", 1, text="Ana likes jazz a lot on Sundays")])

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
    qwen = ScriptedQwen([decide("refine", 1, text=text)])

    changes = consolidate(qwen, [fact("Ana has 3 grey cats", 2)], known(fact("Ana has 3 cats", 1)))

    assert told(changes) == [("Ana has 3 grey cats", [])]


@pytest.mark.parametrize(
    "decision",
    [
        decide("supersede", 7),  # out of range
        decide("supersede", 1, confidence=0.3),
        decide("supersede"),
        decide("supersede", 1, fact=9),  # about no fact of ours
    ],
)
def test_decision_that_does_not_hold_keeps_both(decision: dict[str, Any]) -> None:
    changes = consolidate(
        ScriptedQwen([decision]), [fact("Ana is 31", 2)], known(fact("Ana is 30", 1))
    )

    assert told(changes) == [("Ana is 31", [])]


def test_two_facts_never_replace_the_same_memory_twice() -> None:
    old = fact("Ana lives in Paris", 1, (0.7, 0.7))
    new = [fact("Ana moved", 2, (1.0, 0.0)), fact("Bo left", 3, (0.0, 1.0))]
    qwen = ScriptedQwen([decide("supersede", 1, fact=1), decide("supersede", 1, fact=2)])

    changes = consolidate(qwen, new, known(old))

    assert told(changes) == [("Ana moved", ["Ana lives in Paris"]), ("Bo left", [])]


def test_answer_of_no_use_is_asked_for_in_halves_then_both_are_kept() -> None:
    bad = UnusableReply("no")
    new = [fact("tea is fine", 2, (1.0, 0.0)), fact("Bo left town", 3, (0.0, 1.0))]
    qwen = ScriptedQwen(bad, [decide("noop")], bad)

    changes = consolidate(qwen, new, known(fact("something", 1, (0.7, 0.7))))

    assert [len(asked["new_facts"]) for asked in qwen.asked] == [2, 1, 1]
    assert len(changes) == 1
