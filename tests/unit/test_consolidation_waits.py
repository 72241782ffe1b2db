"""What is not urgent is decided with the user's next facts: asked once, as if all had been said at once."""

from collections.abc import Collection
from typing import Any

from tablestore_memory.worker.consolidation.consolidate import Consolidation, Decided
from tablestore_memory.worker.consolidation.related import Relatedness
from tablestore_memory.worker.stores.memories import Embedded
from tests.unit.test_extract_consolidate import ScriptedQwen, decide, fact, known, told

NEAR = Relatedness(needed={"fact": 0.5, "event": 0.5, "plan": 0.5}, words=0, hubs=0, change=0)
TEA = fact("Ana likes tea", 1)
FOND = fact("Ana is fond of tea", 2)
BARKS = fact("Rex barks", 3, (0.0, 1.0))


def decided(
    qwen: ScriptedQwen,
    new: list[Embedded],
    stored: dict[str, Embedded],
    *,
    undecided: Collection[str] = (),
    **different: Any,
) -> Decided:
    consolidation = Consolidation(qwen, NEAR, **{"urgent": 9.0} | different)
    return consolidation.decided(new, stored, undecided=undecided, may_wait=not undecided)


def test_fact_that_may_wait_is_written_and_left_undecided() -> None:
    qwen = ScriptedQwen()

    changes, undecided = decided(qwen, [FOND, BARKS], known(TEA))

    assert told(changes) == [("Ana is fond of tea", []), ("Rex barks", [])]
    assert undecided == [FOND.memory.document_id]
    assert qwen.asked == []


def test_urgent_pair_does_not_wait() -> None:
    qwen = ScriptedQwen([decide(2, "duplicate", 1)])

    changes, undecided = decided(qwen, [FOND], known(TEA), urgent=0.1)

    assert told(changes) == [("Ana likes tea", [])]
    assert undecided == []


def test_undecided_one_is_asked_about_with_the_next_facts_as_if_it_were_new() -> None:
    qwen = ScriptedQwen([])

    changes, undecided = decided(
        qwen, [BARKS], known(TEA, FOND), undecided=[FOND.memory.document_id]
    )

    (asked,) = qwen.asked
    assert [item[-1] for item in asked["existing"] if isinstance(item, list)] == ["Ana likes tea"]
    assert [item[-1] for item in asked["new_facts"] if isinstance(item, list)] == [
        "Ana is fond of tea"
    ]
    assert told(changes) == [("Rex barks", [])]  # what has its row is not written again
    assert undecided == []


def test_undecided_double_goes_to_the_history() -> None:
    qwen = ScriptedQwen([decide(2, "duplicate", 1)])

    (change,), _ = decided(qwen, [], known(TEA, FOND), undecided=[FOND.memory.document_id])

    assert told([change]) == [("Ana likes tea", ["Ana is fond of tea"])]
    assert [source.message_id for source in change.written.memory.sources] == ["m1", "m2"]


def test_undecided_one_that_is_merged_leaves_no_row() -> None:
    qwen = ScriptedQwen([decide(2, "refine", 1, t="Ana likes tea and is fond of it")])

    (change,), _ = decided(qwen, [], known(TEA, FOND), undecided=[FOND.memory.document_id])

    gone = ["Ana likes tea", "Ana is fond of tea"]
    assert told([change]) == [("Ana likes tea and is fond of it", gone)]


def test_undecided_one_supersedes_what_was_said_before_it() -> None:
    qwen = ScriptedQwen([decide(2, "supersede", 1)])

    (change,), _ = decided(qwen, [], known(TEA, FOND), undecided=[FOND.memory.document_id])

    assert told([change]) == [("Ana is fond of tea", ["Ana likes tea"])]


def test_undecided_one_that_is_said_again_gains_a_source() -> None:
    qwen = ScriptedQwen([])
    again = fact("Ana is fond of tea.", 5)

    changes, _ = decided(qwen, [again], known(TEA, FOND), undecided=[FOND.memory.document_id])

    assert told(changes) == [("Ana is fond of tea", [])]
    assert [s.message_id for s in changes[0].written.memory.sources] == ["m2", "m5"]


def test_undecided_one_that_is_gone_is_asked_about_no_more() -> None:
    qwen = ScriptedQwen()

    changes, undecided = decided(qwen, [BARKS], known(TEA), undecided=["gone"])

    assert (told(changes), undecided, qwen.asked) == ([("Rex barks", [])], [], [])


def test_undecided_one_that_is_found_again_in_the_same_message_stays_as_it_is() -> None:
    """A session extracted once more, its messages received anew."""
    qwen = ScriptedQwen([])
    again = fact("Ana is fond of tea", 2, received_ms=9)

    changes, _ = decided(qwen, [again], known(TEA, FOND), undecided=[FOND.memory.document_id])

    assert changes == []
