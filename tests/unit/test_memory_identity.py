"""When two facts are one memory."""

import pytest

from tablestore_memory.worker.stores.memories import document_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana likes tea.", "ana likes  tea"),
        ("小李喜欢喝绿茶。", "小李喜欢喝绿茶"),
        ("Ana likes tea", "Ａｎａ likes tea"),
        ("Ana likes\ntea", "Ana likes tea "),
        ("Ana wohnt in Zu\u0308rich", "Ana wohnt in Zürich"),
        ("Ana paid ￥１０", "Ana paid ¥10"),
        ("ｶﾞｷﾞが好き", "ガギが好き"),
        ("小李喜欢　茶！", "小李喜欢 茶"),
    ],
)
def test_same_words_are_the_same_document(one: str, other: str) -> None:
    assert document_id("u", one) == document_id("u", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana likes tea", "Ana likes 2 teas"),
        ("Ana likes tea", "Ana does not like tea"),
        ("Ana paid 1.5", "Ana paid 15"),
        ("It holds 10² items", "It holds 102 items"),
        ("Ana drinks H₂O", "Ana drinks H2O"),
        ("Ana lives in room ①", "Ana lives in room 1"),
        ("Ana ate ½ of it", "Ana ate 1⁄2 of it"),
    ],
)
def test_different_words_are_different_documents(one: str, other: str) -> None:
    assert document_id("u", one) != document_id("u", other)


def test_same_fact_of_two_users_is_two_documents() -> None:
    assert document_id("u", "Ana likes tea") != document_id("v", "Ana likes tea")
    assert document_id("ab", "c") != document_id("a", "bc")
