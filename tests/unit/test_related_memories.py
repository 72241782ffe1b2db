"""Which memories a model is asked about together: told on real sentences with the cosines that a real model gives.

The cosines are all-MiniLM-L6-v2's, each to those before it.
"""

import numpy as np
import pytest

from tablestore_memory.worker.consolidation.related import Relatedness
from tablestore_memory.worker.stores.memories import Embedded, Memory

# ruff: noqa: E501 - a sentence and its cosines read as one line of a table

# fmt: off
SAID = [
    ("event", "Ana became a vegetarian in 2023-05.", ""),
    ("preference", "Ana loves steak.", "0.51"),
    ("profile", "Ana lives in Paris.", "0.43 0.56"),
    ("event", "Ana moved to Lyon in 2024-02.", "0.47 0.39 0.63"),
    ("plan", "Ana plans to camp with her kids in 2023-06.", "0.55 0.41 0.56 0.53"),
    ("event", "Ana and her kids went camping in the week of 2023-06-19.", "0.52 0.38 0.59 0.50 0.86"),
    ("profile", "Ana works as a nurse.", "0.44 0.55 0.59 0.46 0.57 0.53"),
    ("event", "Ana quit nursing and runs a bakery since 2023-04.", "0.59 0.48 0.53 0.53 0.61 0.58 0.71"),
    ("preference", "Ana likes jazz a lot.", "0.35 0.59 0.57 0.42 0.44 0.42 0.53 0.46"),
    ("fact", "Ana listens to jazz on Sundays.", "0.31 0.51 0.52 0.37 0.41 0.43 0.52 0.43 0.86"),
    ("profile", "Ana is allergic to peanuts.", "0.54 0.52 0.49 0.34 0.45 0.47 0.58 0.52 0.48 0.47"),
    ("relationship", "Ana has a dog named Rex.", "0.47 0.48 0.54 0.41 0.51 0.50 0.60 0.45 0.40 0.39 0.51"),
    ("event", "Ana's dog Rex died on 2023-08-01.", "0.52 0.27 0.35 0.39 0.51 0.51 0.36 0.46 0.18 0.17 0.32 0.72"),
    ("fact", "Ana swims twice a week.", "0.41 0.50 0.54 0.42 0.51 0.51 0.59 0.48 0.48 0.48 0.50 0.51 0.34"),
    ("profile", "Calvin is a musician.", "0.07 0.08 0.03 -0.08 -0.03 0.00 -0.04 0.02 0.11 0.12 0.08 0.04 0.01 -0.06"),
    ("event", "Calvin performed in Tokyo on 2023-05-24.", "0.25 0.06 0.11 0.14 0.20 0.22 -0.02 0.14 0.02 0.07 0.03 0.05 0.22 0.04 0.61"),
    ("event", "Calvin performed in Boston on 2023-09-10.", "0.17 0.03 0.03 0.03 0.12 0.17 -0.03 0.12 0.01 0.07 0.03 -0.02 0.17 -0.03 0.68 0.78"),
    ("event", "Calvin bought a mansion in Japan.", "0.10 0.11 0.21 0.11 0.08 0.10 0.00 0.09 0.03 -0.02 0.04 0.11 0.09 0.03 0.53 0.55 0.42"),
    ("fact", "Calvin likes to jam with friends.", "-0.00 0.15 0.05 -0.05 0.04 0.05 -0.03 0.02 0.17 0.16 0.13 0.06 -0.04 0.04 0.74 0.44 0.51 0.44"),
]
# fmt: on


def memories(lift: float = 0.0) -> dict[str, Embedded]:
    """By text, with vectors of these cosines; lifted, as of a model to which all is more alike."""
    below = [[float(cosine) for cosine in cosines.split()] for _, _, cosines in SAID]
    cosines = np.eye(len(SAID))
    for row, values in enumerate(below):
        cosines[row, : len(values)] = cosines[: len(values), row] = values
    lifted = lift + (1 - lift) * cosines
    strengths, vectors = np.linalg.eigh(lifted)
    rows = vectors * np.sqrt(np.maximum(strengths, 0))
    return {
        text: Embedded(
            Memory("ana", text, kind=kind, subject=text.split()[0].removesuffix("'s")).identified(),
            [float(x) for x in row],
        )
        for (kind, text, _), row in zip(SAID, rows, strict=True)
    }


TEXTS = [text for _, text, _ in SAID]


def asked(new: str, lift: float) -> list[str]:
    """What a new fact is asked about, when all the others are known."""
    every = memories(lift)
    known = [text for text in TEXTS if text != new]
    pairs = Relatedness().related([every[new]], [every[text] for text in known])
    return [known[pair.other] for pair in pairs if pair.margin >= 0]


# Of this model, of one that finds all sentences alike, and of one that finds them very much so.
LIFTS = pytest.mark.parametrize("lift", [0, 0.3, 0.5])


@LIFTS
@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("Ana quit nursing and runs a bakery since 2023-04.", "Ana works as a nurse."),
        ("Ana's dog Rex died on 2023-08-01.", "Ana has a dog named Rex."),
        (
            "Ana and her kids went camping in the week of 2023-06-19.",
            "Ana plans to camp with her kids in 2023-06.",
        ),
        ("Ana listens to jazz on Sundays.", "Ana likes jazz a lot."),
    ],
)
def test_what_may_be_untrue_now_or_said_before_is_asked_about(
    new: str, old: str, lift: float
) -> None:
    assert old in asked(new, lift)


@LIFTS
@pytest.mark.parametrize(
    "new",
    [
        "Ana swims twice a week.",
        "Ana is allergic to peanuts.",
        "Ana plans to camp with her kids in 2023-06.",
        "Calvin performed in Tokyo on 2023-05-24.",
        "Calvin performed in Boston on 2023-09-10.",
        "Calvin bought a mansion in Japan.",
    ],
)
def test_what_merely_sounds_alike_is_not_asked_about(new: str, lift: float) -> None:
    assert asked(new, lift) == []


def test_nothing_is_shown_of_a_question_that_is_not_asked() -> None:
    every = memories()

    assert Relatedness().related([every["Ana swims twice a week."]], list(every.values())) == []


@pytest.mark.parametrize(
    ("fact", "nearest", "others"),
    [
        ("Ana listens to jazz on Sundays.", "Ana likes jazz a lot.", 2),
        ("Ana quit nursing and runs a bakery since 2023-04.", "Ana works as a nurse.", 4),
        ("Ana became a vegetarian in 2023-05.", "Ana is allergic to peanuts.", 4),
    ],
)
def test_no_more_others_are_shown_beside_a_fact_than_is_set_and_more_beside_a_change(
    fact: str, nearest: str, others: int
) -> None:
    every = memories()
    all_but_events = dict.fromkeys(("profile", "preference", "relationship", "plan", "fact"), 0.0)
    relatedness = Relatedness(needed=all_but_events | {"event": 9.0}, most=2, most_changed=4)

    pairs = relatedness.related([every[fact]], list(every.values()))

    assert len(pairs) == others
    assert TEXTS[pairs[0].other] == nearest


def test_fact_has_to_do_only_with_what_was_said_before_it() -> None:
    every = memories()
    lives, moved = every["Ana lives in Paris."], every["Ana moved to Lyon in 2024-02."]

    (pair,) = Relatedness().related([lives, moved], [])

    assert (pair.new, pair.other) == (1, 0)


@pytest.mark.parametrize(
    ("new", "old", "cosine"),
    [
        ("Ana became a vegetarian in 2023-05.", "Ana loves steak.", 0.636),
        ("Ana moved to Lyon in 2024-02.", "Ana lives in Paris.", 0.63),
        ("Ana is no longer vegetarian.", "Ana eats neither meat nor fish since 2023-05.", 0.55),
    ],
)
def test_contradiction_that_is_not_very_near_is_asked_about(
    new: str, old: str, cosine: float
) -> None:
    """While two memories that merely sound alike, and tell of no change, are not."""
    vector = [cosine, (1 - cosine**2) ** 0.5]
    state = Embedded(Memory("ana", old, kind="preference", subject="Ana").identified(), [1.0, 0.0])
    change = Embedded(Memory("ana", new, kind="event", subject="Ana").identified(), vector)
    habit = Embedded(Memory("ana", "Ana bakes.", subject="Ana").identified(), vector)

    assert [pair.other for pair in Relatedness().related([change], [state])] == [0]
    assert Relatedness().related([habit], [state]) == []


def test_memories_without_vectors_are_told_by_their_words() -> None:
    lives = Memory("ana", "Ana lives in a flat in Paris", kind="profile", subject="Ana")
    moved = Memory("ana", "Ana moved from her flat in Paris to Lyon", kind="event", subject="Ana")
    swims = Memory("ana", "Ana swims", subject="Ana")
    known, *new = [Embedded(each.identified(), None) for each in (lives, moved, swims)]

    pairs = Relatedness().related(new, [known])

    assert [(pair.new, pair.other) for pair in pairs] == [(0, 0)]


def test_chinese_is_told_by_pairs_of_characters() -> None:
    said = [
        ("小李住在北京朝阳区团结湖", "profile"),
        ("小李喜欢打篮球", "preference"),
        ("小李从北京朝阳区团结湖搬走了", "event"),
    ]
    memories = [
        Embedded(Memory("li", text, kind=kind, subject="小李").identified(), None)
        for text, kind in said
    ]

    pairs = Relatedness().related(memories[2:], memories[:2])

    assert [pair.other for pair in pairs] == [0]


def test_nameless_user_is_one_subject_in_any_language() -> None:
    tea = Memory("li", "用户喜欢喝龙井茶", kind="preference", subject="user")
    now = Memory("li", "用户不再喝龙井茶", kind="preference", subject="user")
    known, new = [Embedded(each.identified(), None) for each in (tea, now)]

    assert len(Relatedness(other_subject=9).related([new], [known])) == 1


def test_what_only_names_the_subject_of_another_may_have_to_do_with_it() -> None:
    tea = Memory("ana", "Ana's favourite tea is Longjing.", kind="preference", subject="tea")
    now = Memory("ana", "Ana's favourite tea is now oolong.", kind="preference", subject="Ana")
    bo = Memory("ana", "Bo's favourite cake is now plum cake.", kind="preference", subject="Bo")
    known, *new = [Embedded(each.identified(), [0.5, n]) for n, each in enumerate((tea, now, bo))]

    pairs = Relatedness(other_subject=9).related(new, [known])

    assert [(pair.new, pair.other) for pair in pairs] == [(0, 0)]


def test_user_who_moves_often_is_asked_about_where_they_lived_last() -> None:
    """Most of what is known of them is alike; that is not what is usual between two memories."""
    alike, size = 0.8, 9
    homes = [
        Embedded(
            Memory("ana", f"Ana lives in city{n}.", kind="profile", subject="Ana").identified(),
            [alike**0.5, *(np.eye(size)[n] * (1 - alike) ** 0.5)],
        )
        for n in range(size)
    ]

    (first, *_) = Relatedness().related([homes[-1]], homes[:-1])

    assert first.margin > 0


def remembered(text: str, kind: str, cosine: float = 1.0, day: str | None = None) -> Embedded:
    """Of Ana, with this cosine to what is told with none."""
    memory = Memory("ana", text, kind=kind, subject="Ana", event_start=day).identified()
    return Embedded(memory, [cosine, (1 - cosine**2) ** 0.5])


def shown(new: list[Embedded], known: list[Embedded]) -> set[tuple[int, int]]:
    """Places of the new fact and the other, of each pair that a model is shown."""
    return {(pair.new, pair.other) for pair in Relatedness().related(new, known)}


def test_what_happens_when_it_was_planned_is_asked_about() -> None:
    plan = remembered("Ana gives a concert", "plan", day="2023-06-20")
    then = remembered("Ana played for sixty people", "event", 0.6, "2023-06-20")
    later = remembered("Ana played for sixty people", "event", 0.6, "2023-06-21")

    assert len(Relatedness().related([then], [plan])) == 1
    assert Relatedness().related([later], [plan]) == []


def test_what_was_bought_may_be_sold() -> None:
    bought = remembered("Ana bought a white phone of 256 GB", "event")
    sold = remembered("Ana sold the white phone", "event", 0.7)
    shown = remembered("Ana showed the white phone", "event", 0.7)

    assert len(Relatedness().related([sold], [bought])) == 1
    assert Relatedness().related([shown], [bought]) == []


def test_likeliest_other_of_each_fact_is_shown_once_a_model_is_asked_anyway() -> None:
    lives = remembered("Ana lives in Paris", "profile")
    moved = remembered("Ana moved to Lyon", "event", 0.63)
    rents = remembered("The rent is high", "profile", 0.7)

    assert shown([rents], [lives]) == set()
    assert shown([moved, rents], [lives]) >= {(0, 0), (1, 0)}


@pytest.mark.parametrize(
    ("kind", "told", "old"),
    [
        ("event", "Ana moved to Lyon", "Ana's flat is near the canal"),
        ("event", "Ana 搬到了上海", "Ana's flat is in Gongshu"),
        ("profile", "Ana has a new job at a bakery", "Ana is a UX designer at Lantern Maps"),
        ("profile", "Ana 现在是自由职业", "Ana is a UX designer at Lantern Maps"),
    ],
)
def test_home_and_job_are_asked_about_however_differently_they_are_told(
    kind: str, told: str, old: str
) -> None:
    state = remembered(old, "profile")
    change, habit = remembered(told, kind, 0.5), remembered("Ana baked a cake", kind, 0.5)

    assert len(Relatedness().related([change], [state])) == 1
    assert Relatedness().related([habit], [state]) == []


def test_couple_that_is_none_any_more_is_asked_about() -> None:
    couple = remembered("Ana and Bo have been a couple since 2021", "relationship")
    ended, told = (
        remembered(text, "relationship", 0.5)
        for text in ("Ana and Bo aren't together any more", "Are there any more of Ana and Bo")
    )

    assert len(Relatedness().related([ended], [couple])) == 1
    assert Relatedness().related([told], [couple]) == []


def test_less_is_needed_where_something_happens_that_may_have_been_planned() -> None:
    plan = remembered("Ana gives a concert", "plan")
    happened, said = (
        remembered("Ana played for sixty people", kind, 0.72) for kind in ("event", "profile")
    )

    assert len(Relatedness().related([happened], [plan])) == 1
    assert Relatedness().related([said], [plan]) == []


def test_still_less_is_needed_where_what_was_planned_is_an_end() -> None:
    plan = remembered("Ana gives her notice", "plan")
    ended, happened = (
        remembered(text, "event", 0.65) for text in ("Ana stopped teaching", "Ana taught a class")
    )

    assert len(Relatedness().related([ended], [plan])) == 1
    assert Relatedness().related([happened], [plan]) == []


def test_all_others_of_a_change_are_shown_from_further_away_than_of_what_changes_nothing() -> None:
    states = [remembered(f"Ana {does} in Paris", "profile") for does in ("lives", "teaches")]
    moved = remembered("Ana moved to Lyon", "event", 0.63)
    now, once = (
        remembered(f"Ana {when} takes her tea cold", "profile", cosine)
        for when, cosine in (("now", 0.53), ("once", 0.66))
    )

    assert {(1, 0), (1, 1)} <= shown([moved, now], states)
    assert (1, 1) not in shown([moved, once], states)


def test_event_that_changes_something_is_shown_beside_a_state_and_another_is_not() -> None:
    lives = remembered("Ana lives in Paris", "profile")
    moved = remembered("Ana moved to Lyon", "event", 0.63)
    now, once = (
        remembered(f"Ana {when} takes her tea cold", "event", 0.55) for when in ("now", "once")
    )

    assert shown([moved, now], [lives]) == {(0, 0), (1, 0)}
    assert shown([moved, once], [lives]) == {(0, 0)}


ENDS = ("Ana 戒烟了", "Ana 离职了", "Ana 的店倒闭了", "Ana 分居了", "Ana 毕业了", "Ana 的店转让了")
CHANGES = ("Ana 换了", "Ana 改喝茶", "Ana 又喝茶", "Ana 延期", "Ana 不想去了")


@pytest.mark.parametrize(
    ("change", "cosine"), [*((end, 0.65) for end in ENDS), *((change, 0.72) for change in CHANGES)]
)
def test_chinese_words_of_an_end_or_a_change_need_less_to_be_asked_about(
    change: str, cosine: float
) -> None:
    state = remembered("Ana 的情况如此", "preference")
    changed, told = (remembered(text, "event", cosine) for text in (change, "Ana 很好"))

    assert len(Relatedness().related([changed], [state])) == 1
    assert Relatedness().related([told], [state]) == []


def test_advice_is_shown_only_where_it_may_be_said_again() -> None:
    lives = remembered("Ana lives in Paris", "profile")
    moved = remembered("Ana moved to Lyon", "event", 0.63)
    advice = remembered("Bo advised Ana to rent", "fact", 0.62)

    assert shown([moved, advice], [lives]) == {(0, 0)}


def told(text: str, vector: list[float], kind: str, subject: str = "Ana") -> Embedded:
    return Embedded(Memory("ana", text, kind=kind, subject=subject).identified(), vector)


def test_job_is_asked_about_however_it_is_told() -> None:
    was = told("Ana 在玫瑰诊所快六年了。", [1.0, 0.0, 0.0], "profile")
    boss = told("Ana's boss is Kim.", [0.0, 1.0, 0.0], "relationship")
    new = told("Ana has a new job with Bo.", [0.4, 0.4, 0.825], "profile")

    assert {pair.other for pair in Relatedness().related([new], [was, boss])} == {0, 1}


@pytest.mark.parametrize(
    ("new", "old", "kind"),
    [
        ("Bo's daughter Lin was born. (2023-05-02)", "Mia's due date. (2023-05-20)", "plan"),
        ("林林出生了，三公斤。", "Mia 怀孕三十周。", "profile"),
        ("Mia gave birth to a girl.", "Bo and Mia are expecting their first child.", "fact"),
    ],
)
def test_birth_is_asked_about_beside_what_was_expected_whoever_is_said_to_have_it(
    new: str, old: str, kind: str
) -> None:
    was, born = told(old, [1.0, 0.0], kind, "Mia"), told(new, [0.75, 0.66], "event", "Bo")

    assert [pair.other for pair in Relatedness().related([born], [was])] == [0]


@pytest.mark.parametrize("text", ["昨天发生了大事。", "林林生了病。", "那位医生下班了。"])
def test_what_has_a_character_of_birth_alone_tells_of_none(text: str) -> None:
    was, new = (
        told("林林出生于成都。", [1.0, 0.0], "profile", "Mia"),
        told(text, [0.75, 0.66], "event", "Bo"),
    )

    assert Relatedness().related([new], [was]) == []


def test_year_is_no_time_at_a_job() -> None:
    was, new = (
        told("他们结婚是在2015年。", [1.0, 0.0], "profile"),
        told("Ana has a new job with Bo.", [0.5, 0.866], "profile"),
    )

    assert Relatedness().related([new], [was]) == []


@pytest.mark.parametrize(("subject", "alike"), [("爸爸 (Dad)", True), ("Dad", True), ("Bo", False)])
def test_one_who_has_two_names_is_one(subject: str, alike: bool) -> None:
    lives = told("爸爸住在杭州。", [1.0, 0.0], "profile", "爸爸 (Dad)")
    moved = told("He moved to Chengdu.", [0.7, 0.714], "event", subject)

    assert bool(Relatedness(other_subject=9.0).related([moved], [lives])) is alike
