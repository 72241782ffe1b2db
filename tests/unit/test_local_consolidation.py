"""How the local DashScope compares a new fact with those already known."""

import pytest

from tablestore_memory.localcloud.dashscope import consolidation


def decide(new: str, *existing: str) -> tuple[str, list[int]]:
    known = [{"n": n, "text": text} for n, text in enumerate(existing, 1)]
    asked = {"new_facts": [{"n": 1, "text": new}], "existing": known}
    decision = consolidation.answer(asked)["decisions"][0]
    return decision["action"], decision["existing"]


@pytest.mark.parametrize(
    ("new", "old", "action"),
    [
        ("Anna likes tea.", "anna likes TEA", "duplicate"),
        ("用户喜欢茶。", "用户喜欢茶", "duplicate"),
        ("Anna lives in Oslo", "Anna lives in Rome", "supersede"),
        ("Anna moved to Oslo in May 2023", "Anna lives in Rome", "supersede"),
        ("Anna's birthday is 6 May", "Anna's birthday is 5 May", "supersede"),
        ("Anna's favourite colour is red", "Anna's favourite colour is blue", "supersede"),
        ("Anna no longer likes tea", "Anna likes tea", "supersede"),
        ("Anna likes tea", "Anna does not like tea", "supersede"),
        ("Anna works as a nurse", "Anna works as a cook", "supersede"),
        ("用户现在住在杭州", "用户住在北京", "supersede"),
        ("用户2023年5月7日搬到了深圳", "用户住在北京", "supersede"),
        ("用户不喜欢咖啡", "用户喜欢咖啡", "supersede"),
        ("用户不再喜欢咖啡了", "用户喜欢咖啡", "supersede"),
        ("用户最喜欢的颜色是红色", "用户最喜欢的颜色是蓝色", "supersede"),
        ("Anna likes hiking in the Alps", "Anna likes hiking", "refine"),
        ("用户养了一只黑色的猫", "用户养了一只猫", "refine"),
        ("Bob lives in Oslo", "Anna lives in Rome", "add"),
        ("Anna's favourite food is rice", "Anna's favourite colour is blue", "add"),
        ("Anna likes tea", "Anna likes coffee", "add"),
        ("Anna went to the gym on 7 May 2023", "Anna went to the gym on 1 May 2023", "add"),
        ("Anna works as a nurse", "Anna works at Acme", "add"),
        ("Anna lives in Oslo", "Anna moved to Oslo in May 2023", "add"),
        ("用户喜欢茶", "用户喜欢咖啡", "add"),
        ("用户养了一只猫", "用户养了一只狗", "add"),
    ],
)
def test_action(new: str, old: str, action: str) -> None:
    assert decide(new, old) == (action, [] if action == "add" else [1])


def test_all_that_is_no_longer_true_is_superseded() -> None:
    known = ("Anna lives in Rome", "Anna likes tea", "Anna is living in Bern")

    assert decide("Anna lives in Oslo", *known) == ("supersede", [1, 3])


def test_same_words_count_more_than_another_value() -> None:
    known = ("Anna lives in Rome", "Anna lives in Oslo")

    assert decide("Anna lives in Oslo", *known) == ("duplicate", [2])
