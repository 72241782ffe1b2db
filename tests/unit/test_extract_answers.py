"""What Qwen answers is checked by shape, and never told on in its own words."""

import json
from typing import Any

import pytest

from tablestore_memory.worker.consolidation.decisions import ask_decisions
from tablestore_memory.worker.extract.checks import Fact, FactsAnswer, Origin, checked
from tablestore_memory.worker.failures.errors import UnusableReply
from tablestore_memory.worker.qwen.client import Qwen, Reply
from tablestore_memory.worker.qwen.structured import ask
from tablestore_memory.worker.stores.sessions import Turn

FACT = {"text": "Ana likes tea.", "kind": "fact", "sources": []}
ORIGIN = Origin("ana", "s", "qwen-plus", "v1")


class Answering(Qwen):
    """Gives these answers in turn, and keeps the system prompts it was asked with."""

    model = "scripted"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.systems: list[str] = []

    def json(self, system: str, user: str, *, max_tokens: int = 0) -> Reply:
        self.systems.append(system)
        return Reply(self._answers.pop(0), 1, 1, "r")


def facts(**changed: Any) -> str:
    return json.dumps({"facts": [FACT | changed]})


WRONG = [
    (facts(kind="hunter2"), "not one of the allowed values at `$.facts[0].kind`"),
    (
        facts(kind="x - at `$.hunter2` hunter2"),
        "not one of the allowed values at `$.facts[0].kind`",
    ),
    (facts(text=["hunter2"]), "Expected `str`, got `array` at `$.facts[0].text`"),
    (
        json.dumps({"facts": [{"hunter2": 1}]}),
        "Object missing required field `text` at `$.facts[0]`",
    ),
    ('{"facts": [hunter2', "JSON is malformed: invalid character (byte 11)"),
    ('{"facts": [{"text": "hunter2', "Input data was truncated"),
    ('{"hunter2": ' + "[" * 5_000, "nested too deeply"),
]


@pytest.mark.parametrize(("answer", "reason"), WRONG)
def test_refused_answer_is_told_by_place_and_form_alone(answer: str, reason: str) -> None:
    qwen = Answering(answer, answer)

    with pytest.raises(UnusableReply) as refused:
        ask(qwen, "rules", "data", FactsAnswer)

    assert str(refused.value) == f"Qwen: not of the asked shape: {reason}"
    assert reason in qwen.systems[1]
    assert "hunter2" not in "".join(qwen.systems)
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_repaired_answer_counts() -> None:
    qwen = Answering("no JSON", facts())

    answer = ask(qwen, "rules", "data", FactsAnswer)

    assert [fact.text for fact in answer.facts] == ["Ana likes tea."]
    assert qwen.systems[1].startswith("rules\n")


def found(text: str, **changed: Any) -> Any:
    """What remains of a fact that cites the only message of a conversation."""
    said = Turn("m", 1, "user", "Ana", "My code:\n4111\n1111 1111 1111. I like tea.", "message")
    sources = [{"n": 1, "quote": changed.pop("quote", "I like tea")}]
    fact = json.dumps({"facts": [FACT | {"text": text, "sources": sources} | changed]})
    answer = ask(Answering(fact), "rules", "data", FactsAnswer)
    first: Fact = answer.facts[0]
    return checked(first, 0, [said], ORIGIN)


def test_secret_in_a_fact_drops_it() -> None:
    assert found("Ana's password is: hunter2") is None
    assert found("Ana likes tea") is not None


def test_secret_in_a_name_is_not_kept() -> None:
    memory = found("Ana likes tea", subject="sk-abcdefghijklmnop1234", said_by="a" * 1_000)

    assert (memory.subject, memory.said_by) == (None, None)


def test_secret_in_a_quote_is_masked() -> None:
    """A quote may join with spaces what stood on lines of its own."""
    memory = found("Ana has a code", quote="4111 1111 1111 1111. I like tea")

    assert [source.quote for source in memory.sources] == ["[secret]. I like tea"]


def test_reason_of_a_decision_has_no_secret_and_a_bound() -> None:
    reasons = ("the password is: hunter2", "because " * 1_000)
    decisions = [{"fact": n, "action": "add", "reason": r} for n, r in enumerate(reasons, 1)]
    qwen = Answering(json.dumps({"decisions": decisions}))

    told = ask_decisions(qwen, [], [])

    assert told[1].reason == "the password is: [secret]"
    assert len(told[2].reason) == 500
