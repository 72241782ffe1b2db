"""What Qwen answers is checked by shape, fact by fact, and never told on in its own words."""

import json
from typing import Any

import pytest

from tablestore_memory.worker.consolidation.decisions import ask_decisions
from tablestore_memory.worker.extract.answers import FactsAnswer
from tablestore_memory.worker.extract.checks import Checked, Origin, checked
from tablestore_memory.worker.extract.evidence import passage
from tablestore_memory.worker.failures.errors import UnusableReply
from tablestore_memory.worker.qwen.client import Qwen, Reply
from tablestore_memory.worker.qwen.structured import ask
from tablestore_memory.worker.stores.memory import Memory
from tablestore_memory.worker.stores.sessions import Turn

ORIGIN = Origin("ana", "s", "qwen-plus", "v2")


class Answering(Qwen):
    """Gives these answers in turn, and keeps the system prompts it was asked with."""

    model = "scripted"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.systems: list[str] = []

    def json(self, system: str, user: str, *, max_tokens: int = 0) -> Reply:
        self.systems.append(system)
        return Reply(self._answers.pop(0), 1, 1, "r")


WRONG = [
    ('{"facts": "hunter2"}', "Expected `array`, got `str` at `$.facts`"),
    ('{"facts": null}', "Expected `array`, got `null` at `$.facts`"),
    ('{"hunter2": []}', "Object missing required field `facts`"),
    ('{"facts": [hunter2', "JSON is malformed: invalid character (byte 11)"),
    ('{"facts": [{"t": "hunter2', "Input data was truncated"),
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
    qwen = Answering("no JSON", json.dumps({"facts": [{"t": "Ana likes tea."}]}))

    answer = ask(qwen, "rules", "data", FactsAnswer)

    assert answer.facts == [{"t": "Ana likes tea."}]
    assert qwen.systems[1].startswith("rules\n")


SAID = [
    Turn("m1", 1, "user", "Bo", "What do you drink?", "message"),
    Turn("m2", 2, "user", "Ana", "I like tea.", "message"),
]
FACT = {"t": "Ana likes tea.", "m": {"2": "I like tea"}}


def read(*facts: Any, said: list[Turn] = SAID, before: int = 0) -> Checked:
    return checked(FactsAnswer(list(facts)), before, said, ORIGIN)


def one(fact: Any, said: list[Turn] = SAID) -> Memory:
    (memory,) = read(fact, said=said).memories
    return memory


def test_fact_becomes_a_memory_with_what_it_leaves_out_filled_in() -> None:
    memory = one(FACT)

    assert (memory.text, memory.kind) == ("Ana likes tea.", "fact")
    assert (memory.subject, memory.said_by) == ("Ana", "Ana")
    assert (memory.event_start, memory.event_end) == (None, None)
    assert (memory.stated_at, memory.valid_from) == (2, 2)
    assert [(s.message_id, s.quote) for s in memory.sources] == [("m2", "I like tea")]


def test_question_and_answer_are_both_cited_and_the_answer_is_whose_it_is() -> None:
    memory = one({"t": "Ana drinks tea.", "m": {"1": "What do you drink", "2": "like tea"}})

    assert [s.message_id for s in memory.sources] == ["m1", "m2"]
    assert memory.said_by == "Ana"


def test_messages_named_by_number_alone_are_kept_with_a_sentence_of_theirs() -> None:
    said = [Turn("m", 1, "user", "Ana", "Hi! I like tea, and cake. Bye.", "message")]

    memory = one({"t": "Ana likes cake and tea.", "m": [1]}, said)

    assert [source.quote for source in memory.sources] == ["I like tea, and cake."]


def test_sentence_of_a_message_is_kept_to_a_length() -> None:
    said = [Turn("m", 1, "user", "Ana", "I like tea " * 50, "message")]

    memory = one(FACT | {"m": [1]}, said)

    assert memory.sources[0].quote == ("I like tea " * 50)[:120].strip()


def test_fact_in_another_language_is_shown_by_copied_words() -> None:
    said = [Turn("m", 1, "user", "Ana", "我下个月去成都看熊猫。", "message")]
    told = {"t": "Ana travels to see pandas.", "s": "Ana"}

    assert read(told | {"m": [1]}, said=said).dropped == {"unshown": 1}
    assert one(told | {"m": [[1, "去成都看熊猫"]]}, said).sources[0].quote == "去成都看熊猫"


def test_names_alone_show_nothing() -> None:
    said = [Turn("m", 1, "user", "Ana", "Hi, I'm Ana! And this is Rex.", "message")]

    assert read({"t": "Rex barks.", "s": "Rex", "m": [1]}, said=said).dropped == {"unshown": 1}


def test_subject_of_what_several_said_is_not_guessed() -> None:
    fact = {"t": "Ana drinks tea.", "m": [1, 2]}

    assert one(fact).subject is None
    assert one(fact | {"s": "Ana"}).subject == "Ana"


@pytest.mark.parametrize(
    ("text", "when", "told"),
    [
        ("Ana ran.", "2023-05-07", "Ana ran. (2023-05-07)"),
        ("Ana ran.", "2023-05-06/2023-05-07", "Ana ran. (2023-05-06/2023-05-07)"),
        ("Ana ran.", "2023-05-08~", "Ana ran. (2023-05-08~)"),
        ("Ana ran.", "/2023", "Ana ran. (/2023)"),
        ("Ana ran on 7 May 2023.", "2023-05-07", "Ana ran on 7 May 2023."),
        ("安娜2023年5月跑步。", "2023-05", "安娜2023年5月跑步。"),
        ("Ana ran in the week of 2023-05-01.", "2023-05-01/2023-05-07", None),
        ("Ana ran.", None, "Ana ran."),
    ],
)
def test_date_stands_in_the_text_once(text: str, when: str | None, told: str | None) -> None:
    said = [Turn("m", 1, "user", "Ana", "I ran. 我跑步。", "message")]

    assert one({"t": text, "d": when, "m": [[1, "I ran"]]}, said).text == (told or text)


def test_who_said_most_of_it_is_who_said_it() -> None:
    said = [*SAID, Turn("m3", 3, "user", "Bo", "I like coffee and cake.", "message")]

    memory = one({"t": "…", "m": {"1": "you drink", "2": "like tea", "3": "coffee"}}, said)

    assert memory.said_by == "Bo"


@pytest.mark.parametrize(
    ("changed", "mended"),
    [
        ({"k": None}, "kind"),
        ({"k": "goal"}, "kind"),
        ({"k": ["event"]}, "kind"),
        ({"d": "some day"}, "date"),
        ({"d": "2023-13"}, "date"),
        ({"d": 2023}, "date"),
        ({"s": 5}, "subject"),
        ({"m": {"2": "I like tea", "x": "I like tea"}}, "citation"),
        ({"m": {"2": "I like tea", "1": None}}, "citation"),
        ({"m": [[2, "I like tea"], "x"]}, "citation"),
        ({"m": [2, [1, None, 3]]}, "citation"),
    ],
)
def test_small_deviation_is_mended_and_counted(changed: dict[str, Any], mended: str) -> None:
    result = read(FACT | changed)

    assert [memory.text for memory in result.memories] == ["Ana likes tea."]
    assert result.mended == {mended: 1}
    assert not result.dropped


@pytest.mark.parametrize(
    "changed",
    [
        {"s": None, "d": None, "c": None, "confidence": None},
        {"m": [[2, "I like tea"]]},
        {"m": [["2", "I like tea"]]},
        {"m": [{"n": "2", "quote": "I like tea"}]},
        {"m": {" 2 ": "I like tea"}},
        {"m": [2]},
        {"m": ["2"]},
        {"m": 2},
        {"m": [[2]]},
        {"m": [1, [2, "I like tea"], 7]},
        {"said_by": "Bo", "unasked": {"a": 1}},
    ],
)
def test_other_ways_to_say_it_are_understood(changed: dict[str, Any]) -> None:
    result = read(FACT | changed)

    assert [memory.text for memory in result.memories] == ["Ana likes tea."]
    assert not result.mended
    assert not result.dropped


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (None, "no text"),
        ({"text": "Ana likes tea."}, "no text"),
        ({"t": None, "m": {"2": "I like tea"}}, "no text"),
        ({"t": " ", "m": {"2": "I like tea"}}, "no text"),
        ({"t": "Ana likes tea."}, "uncited"),
        ({"t": "Ana likes tea.", "m": {"2": "I like coffee"}}, "uncited"),
        ({"t": "Ana likes tea.", "m": {"3": "I like tea"}}, "uncited"),
        ({"t": "Ana likes tea.", "m": {"2": ""}}, "uncited"),
        ({"t": "Ana likes tea.", "m": {"2": "…"}}, "uncited"),
        ({"t": "Ana likes tea.", "m": [3]}, "uncited"),
        ({"t": "Ana likes tea.", "m": [0]}, "uncited"),
        ({"t": "Ana plays the violin.", "m": [2]}, "unshown"),
        ({"t": "Ana asks Bo.", "s": "Ana", "m": [1, 2]}, "unshown"),
        ({"t": "tea " * 500, "m": {"2": "I like tea"}}, "too long"),
        ({"t": "Ana's password is: hunter2", "m": {"2": "I like tea"}}, "secret"),
    ],
)
def test_fact_that_does_not_hold_costs_itself_alone(bad: Any, reason: str) -> None:
    result = read(bad, FACT)

    assert [memory.text for memory in result.memories] == ["Ana likes tea."]
    assert result.dropped == {reason: 1}


def test_context_is_no_source() -> None:
    result = read(
        FACT | {"m": {"1": "What do you drink", "2": "I like tea"}}, said=SAID[1:], before=1
    )

    assert [s.message_id for s in result.memories[0].sources] == ["m2"]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("It’s “fine” – really…", 'It\'s "fine" - really...'),
        ('It\'s "fine" - really...', "It’s “fine” — really…"),
        ("I  like\ntea", "i LIKE tea"),
        ("I like tea", '"I like tea"'),
        ("I like tea", "“I like tea.”"),
        ("I like tea", "...like tea"),
        ("I like tea", "Ana: I like tea"),
        ("我喜欢茶，真的！", "「我喜欢茶,真的!」"),
        ("我喜欢ＡＢＣ", "我喜欢ABC"),
        ("价格１２３元。", "价格123元"),
    ],
)
def test_quote_holds_whatever_its_typography(text: str, quote: str) -> None:
    memory = one({"t": "…", "m": {"1": quote}}, [Turn("m", 1, "user", "Ana", text, "message")])

    assert [source.message_id for source in memory.sources] == ["m"]


@pytest.mark.parametrize("quote", ["I like coffee", "Bo: I like tea", "I do not like tea", '""'])
def test_other_words_do_not_hold(quote: str) -> None:
    assert read(FACT | {"m": {"2": quote}}).dropped == {"uncited": 1}


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("2023-05-07", "2023-05-07", None),
        ("2023-05", "2023-05", None),
        ("2023", "2023", None),
        ("2023-05-08~", "2023-05-08~", None),
        ("2023~", "2023~", None),
        ("2023-05-01/2023-05-07", "2023-05-01", "2023-05-07"),
        ("2023-05/2023-06", "2023-05", "2023-06"),
        ("2023/..", "2023", None),
        ("/2023-05-07", None, "2023-05-07"),
        ("2023-5-7", "2023-05-07", None),
        ("2023-05-07T10:00", "2023-05-07", None),
        ("2023-05-07/2023-05-01", None, None),
        ("2023-02-30", None, None),
        ("0000", None, None),
        ("unknown", None, None),
        ("", None, None),
    ],
)
def test_date_is_kept_as_exact_as_it_was_said(
    said: str, start: str | None, end: str | None
) -> None:
    memory = one(FACT | {"d": said})

    assert (memory.event_start, memory.event_end) == (start, end)


def test_secret_in_a_name_is_not_kept() -> None:
    memory = one(FACT | {"s": "sk-abcdefghijklmnop1234"})

    assert memory.subject == "Ana"


def test_secret_in_a_quote_is_masked() -> None:
    """A quote may join with spaces what stood on lines of its own."""
    said = [Turn("m", 1, "user", "Ana", "My code:\n4111\n1111 1111 1111. I like tea.", "message")]

    memory = one({"t": "Ana has a code", "m": {"1": "4111 1111 1111 1111. I like tea"}}, said)

    assert [source.quote for source in memory.sources] == ["[secret]. I like tea"]


def test_reason_of_a_decision_has_no_secret_and_a_bound() -> None:
    reasons = ("the password is: hunter2", "because " * 1_000)
    decisions = [{"n": n, "do": "add", "why": r} for n, r in enumerate(reasons, 1)]
    qwen = Answering(json.dumps({"decisions": decisions}))

    told = ask_decisions(qwen, [], [])

    assert told[1].why == "the password is: [secret]"
    assert len(told[2].why) == 500


def test_decision_that_cannot_be_read_costs_itself_alone() -> None:
    good = {"n": "2", "do": "supersede", "of": "1", "why": None, "c": None}
    bad = [None, 5, {"n": 3, "do": "noop"}, {"do": "add"}, {"n": 4, "do": "refine", "of": ["x"]}]
    qwen = Answering(json.dumps({"decisions": [*bad, good]}))

    told = ask_decisions(qwen, [], [])

    assert {n: (each.action, each.of) for n, each in told.items()} == {2: ("supersede", [1])}


def test_passage_is_not_cut_inside_a_number() -> None:
    text = "The coffee was $3.50 and I ran 21.1 km. It rained."

    assert passage(text, "Ana ran 21.1 km") == "The coffee was $3.50 and I ran 21.1 km."


@pytest.mark.parametrize(
    ("row", "kind", "start"),
    [
        (["Ana", "Ana likes tea.", "preference", "2023-05", 2], "preference", "2023-05"),
        (["Ana", "Ana likes tea.", "2023-05", "preference", 2], "preference", "2023-05"),
        (["Ana", "Ana likes tea.", 2], "fact", None),
        (["Ana", "Ana likes tea.", "goal", "2", [2, "I like tea"]], "fact", None),
        (["Ana", "Ana likes tea.", "preference", "since 2023-05", 2], "preference", "2023-05"),
        (["Ana", "Ana likes tea.", "since 2023-05", 2], "fact", "2023-05"),
        (["Ana", "Ana likes tea.", "preference", "as of 2023-05-08", 2], "preference", None),
        (["Ana", "Ana likes tea.", "preference", "by then", 2], "preference", None),
    ],
)
def test_row_is_read_part_by_part_by_its_form(row: list[Any], kind: str, start: str | None) -> None:
    memory = one(row)

    assert (memory.kind, memory.subject, memory.event_start) == (kind, "Ana", start)
    assert [source.message_id for source in memory.sources] == ["m2"]


@pytest.mark.parametrize("text", ["Ana likes tea", "Ana likes tea (as of 2023-05-08)"])
def test_day_of_a_measurement_stands_in_the_text_once(text: str) -> None:
    assert one(["Ana", text, "as of 2023-05-08", 2]).text == "Ana likes tea (as of 2023-05-08)"


def test_subject_holds_for_the_rows_below_it_that_name_none() -> None:
    said = [*SAID, Turn("m3", 3, "user", "Bo", "I like coffee. Ana is kind. Rex barks.", "message")]

    result = read(
        *("Ana", ["Ana likes tea.", 2], ["Ana is kind, Bo thinks.", "profile", 3]),
        *("Bo", ["Bo likes coffee.", "2023", 3], ["Rex", "Rex barks.", 3]),
        said=said,
    )

    told = [(each.subject, each.text, each.kind, each.event_start) for each in result.memories]
    assert told == [
        ("Ana", "Ana likes tea.", "fact", None),
        ("Ana", "Ana is kind, Bo thinks.", "profile", None),
        ("Bo", "Bo likes coffee. (2023)", "fact", "2023"),
        ("Rex", "Rex barks.", "fact", None),
    ]
    assert not result.mended
    assert not result.dropped


def test_rows_in_a_list_of_their_own_below_their_subject_are_read() -> None:
    result = read("Ana", [["Ana likes tea.", 2], ["Bo asked what Ana drinks.", "event", 1]])

    assert [(each.subject, each.text) for each in result.memories] == [
        ("Ana", "Ana likes tea."),
        ("Ana", "Bo asked what Ana drinks."),
    ]


@pytest.mark.parametrize("unknown", ["advisory", "2023-05-32", "since 2023-02-30"])
def test_kind_or_date_that_is_longer_than_its_text_makes_the_text_no_subject(unknown: str) -> None:
    said = [Turn("m1", 1, "user", "小李", "我喜欢猫。", "message")]

    result = read("小李", ["喜欢猫。", unknown, 1], said=said)

    assert [(each.subject, each.text) for each in result.memories] == [("小李", "喜欢猫。")]
    assert sum(result.mended.values()) == 1


def test_what_was_just_then_is_dated_by_the_day_of_its_speaker() -> None:
    before_midnight_us = 1_683_586_740_000_000  # 2023-05-08T22:59 UTC
    said = [
        Turn("m1", 1, "user", "Ana", "What is new?", "message"),
        Turn("m2", before_midnight_us, "user", "Ana", "I've just moved.", "message", 120),
    ]

    (memory,) = read("Ana", ["Ana just moved.", "event", "~", 1, 2], said=said).memories

    assert (memory.text, memory.event_start) == ("Ana just moved. (2023-05-09~)", "2023-05-09~")
    assert memory.event_end is None


@pytest.mark.parametrize("row", [[], ["Ana"], ["Ana", 2], None])
def test_row_without_a_text_costs_itself_alone(row: object) -> None:
    result = read(row, ["Ana", "Ana likes tea.", 2])

    assert [memory.text for memory in result.memories] == ["Ana likes tea."]
    assert result.dropped == {"no text": 1}


@pytest.mark.parametrize(
    ("said", "fact", "shown"),
    [
        ("车买好了", "Ana 买了车", True),
        ("猫病了", "Ana 有猫，病着", True),
        ("今天下雨", "Ana 买了车", False),
        ("I'm thirty-one!", "Ana is 31.", True),
    ],
)
def test_single_characters_and_numbers_show_a_fact_too(said: str, fact: str, shown: bool) -> None:
    message = Turn("m1", 1, "user", "Ana", said, "message")

    result = read(["Ana", fact, 1], said=[message])

    assert bool(result.memories) is shown
