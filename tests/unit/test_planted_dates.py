"""A planted date is right, told of what took its place, or wrong."""

import pytest

from bench.evaluation.checks import Planted
from bench.evaluation.conversations import Conversation
from tablestore_memory.worker.stores.history import Replaced
from tablestore_memory.worker.stores.memories import Embedded, Memory, Source

SAID, LATER = Source("m1", ""), Source("m2", "")
WEDDING = {"message_id": "m1", "event_start": "2025-08-16", "event_end": None}


def counted(memory: Memory, *replaced: Replaced) -> dict[str, int]:
    conversation = Conversation("c", [], [], {"dates": [WEDDING]})
    found = Planted(conversation, [Embedded(memory, None)], replaced, []).dates()
    return {name: count for name, count in found.items() if count}


def memory(text: str, day: str, *sources: Source) -> Memory:
    return Memory("ana", text, event_start=day, sources=sources)


def test_date_of_a_memory_that_cites_the_message_is_right() -> None:
    told = memory("The wedding.", "2025-08-16", SAID)

    assert counted(told) == {"planted": 1, "remembered": 1, "right": 1}


@pytest.mark.parametrize("kept", ["in the text", "in the history"])
def test_date_that_what_followed_took_the_place_of_is_told(kept: str) -> None:
    was = "; first on 2025-08-16" if kept == "in the text" else ""
    over = Replaced("d", 1, "The wedding. (2025-08-16)", 0, "", "", "", sources=(SAID,))

    found = counted(
        memory(f"The wedding{was}.", "2025-10-11", SAID, LATER), *([] if was else [over])
    )

    assert found == {"planted": 1, "remembered": 1, "told": 1}


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("The wedding.", (SAID, LATER)),
        ("The wedding is on 2025-08-16.", (SAID,)),
        ("8 people at 16 places in 2025.", (SAID, LATER)),
    ],
)
def test_another_date_is_wrong(text: str, sources: tuple[Source, ...]) -> None:
    found = counted(memory(text, "2025-08-18", *sources))

    assert found == {"planted": 1, "remembered": 1, "wrong": 1}


def test_message_that_nothing_cites_is_not_remembered() -> None:
    assert counted(memory("The wedding.", "2025-08-16", LATER)) == {"planted": 1}
