"""How texts are cut, one analyzer after the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tablestore.protobuf import search_pb2 as pb

from tablestore_memory.localcloud.tablestore.search.analyzers import analyzer

MIXED = st.text(st.sampled_from("abC1 ，。-我喜歡杭州西湖茶テスト한글é"), max_size=30)


def words(name: str, text: str, parameter: bytes = b"") -> list[str]:
    return [word for word, _ in analyzer(name, parameter).tokens(text)]


def test_single_word_cuts_words_and_characters() -> None:
    assert words("single_word", "Hang-Zhou 杭州 iPhone6!") == [
        "hang",
        "zhou",
        "杭",
        "州",
        "iphone6",
    ]


def test_single_word_obeys_its_parameters() -> None:
    parameter = pb.SingleWordAnalyzerParameter(case_sensitive=True, delimit_word=True)

    cut = words("single_word", "iPhone6", parameter.SerializeToString())

    assert cut == ["iPhone", "6"]


def test_max_word_finds_every_word_of_the_dictionary() -> None:
    assert words("max_word", "杭州西湖区") == ["杭州", "西湖", "西湖区", "湖区"]


def test_max_word_keeps_a_character_that_is_in_no_word() -> None:
    assert words("max_word", "喝茶 ten 喜歡") == ["喝茶", "ten", "喜", "歡"]


def test_max_word_finds_repeated_words_in_their_places() -> None:
    tokens = analyzer("max_word", b"").tokens("哈哈哈")

    assert [position for word, position in tokens if word == "哈哈"] == [0, 1]


def test_min_word_cuts_without_overlap() -> None:
    assert words("min_word", "他住在杭州西湖区 now") == ["他", "住", "在", "杭州", "西湖区", "now"]


def test_split_cuts_at_spaces_unless_told() -> None:
    comma = pb.SplitAnalyzerParameter(delimiter=",").SerializeToString()

    assert words("split", "Green tea,Coffee") == ["green", "tea,coffee"]
    assert words("split", "Green tea, Coffee,,", comma) == ["green tea", "coffee"]


def test_fuzzy_cuts_every_run_of_its_lengths() -> None:
    two_three = pb.FuzzyAnalyzerParameter(min_chars=2, max_chars=3).SerializeToString()

    assert words("fuzzy", "AbcD", two_three) == ["ab", "abc", "bc", "bcd", "cd"]
    assert [word for word, _ in analyzer("fuzzy", two_three).phrase("ABCD")] == ["abc", "bcd"]
    assert analyzer("fuzzy", two_three).phrase("a") == []


def test_fuzzy_reads_only_the_beginning_of_a_long_text() -> None:
    assert max(at for _, at in analyzer("fuzzy", b"").tokens("x" * 5000)) == 1023


@pytest.mark.parametrize("name", ["single_word", "max_word", "min_word"])
@given(text=MIXED)
def test_no_letter_is_lost_and_positions_never_go_back(name: str, text: str) -> None:
    tokens = analyzer(name, b"").tokens(text)

    letters = {letter for letter in text.lower() if letter.isalnum()}
    assert letters <= {letter for word, _ in tokens for letter in word}
    positions = [position for _, position in tokens]
    assert positions == sorted(positions)
