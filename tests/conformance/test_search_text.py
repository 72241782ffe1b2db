"""Full text: analyzers, match, match phrase and relevance, in English and Chinese."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, text
from tests.conformance.tablestore import refused

AND, OR = ots.QueryOperator.AND, ots.QueryOperator.OR


@pytest.fixture
def notes(client: Any, table: str) -> Searched:
    """One text, cut in each way the service knows."""
    searched = Searched(
        client,
        table,
        text("single"),
        text("most", ots.AnalyzerType.MAXWORD),
        text("least", ots.AnalyzerType.MINWORD),
        keyword("exact"),
    )
    texts = {
        "en": "Ann likes green tea; Ann does not like coffee",
        "zh": "我喜欢喝绿茶，住在杭州西湖区",
        "model": "an iPhone6 from Hang Zhou",
    }
    return searched.put_all(
        {
            key: {"single": one, "most": one, "least": one, "exact": one}
            for key, one in texts.items()
        }
    )


@pytest.mark.parametrize("field", ["single", "most", "least"])
def test_match_finds_any_word_in_any_case(notes: Searched, field: str) -> None:
    assert notes.keys(ots.MatchQuery(field, "TEA zebra")) == ["en"]
    assert notes.keys(ots.MatchQuery(field, "green iphone6")) == ["en", "model"]
    assert notes.keys(ots.MatchQuery(field, "zebra")) == []


@pytest.mark.parametrize("field", ["single", "most", "least"])
def test_words_with_digits_stay_whole(notes: Searched, field: str) -> None:
    assert notes.keys(ots.MatchQuery(field, "IPHONE6")) == ["model"]
    assert notes.keys(ots.MatchQuery(field, "iphone")) == []


@pytest.mark.parametrize("field", ["single", "most", "least"])
def test_chinese_is_found_by_word(notes: Searched, field: str) -> None:
    assert notes.keys(ots.MatchQuery(field, "喜欢")) == ["zh"]
    assert notes.keys(ots.MatchQuery(field, "杭州")) == ["zh"]
    assert notes.keys(ots.MatchQuery(field, "北京")) == []


def test_single_word_finds_each_character(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("single", "欢")) == ["zh"]


def test_max_word_finds_words_within_words(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("most", "西湖")) == ["zh"]
    assert notes.keys(ots.MatchQuery("most", "欢")) == []


def test_min_word_keeps_the_longest_word(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("least", "西湖区")) == ["zh"]
    assert notes.keys(ots.MatchQuery("least", "湖区")) == []


def test_single_word_keeps_case_and_splits_digits_when_told(client: Any, table: str) -> None:
    parameter = ots.SingleWordAnalyzerParameter(case_sensitive=True, delimit_word=True)
    field = text("t", ots.AnalyzerType.SINGLEWORD, parameter)

    searched = Searched(client, table, field).put_all({"a": {"t": "iPhone6 Plus"}})

    assert searched.keys(ots.MatchQuery("t", "iPhone")) == ["a"]
    assert searched.keys(ots.MatchQuery("t", "6")) == ["a"]
    assert searched.keys(ots.MatchQuery("t", "plus")) == []


def test_split_cuts_at_its_delimiter_alone(client: Any, table: str) -> None:
    field = text("t", ots.AnalyzerType.SPLIT, ots.SplitAnalyzerParameter(","))

    searched = Searched(client, table, field).put_all({"a": {"t": "green tea,绿茶 好喝"}})

    assert searched.keys(ots.MatchQuery("t", "green tea")) == ["a"]
    assert searched.keys(ots.MatchQuery("t", "绿茶 好喝")) == ["a"]
    assert searched.keys(ots.MatchQuery("t", "green")) == []


def test_fuzzy_finds_any_part_of_a_text(client: Any, table: str) -> None:
    field = text("t", ots.AnalyzerType.FUZZY, ots.FuzzyAnalyzerParameter(1, 4))

    searched = Searched(client, table, field).put_all(
        {"a": {"t": "Order-20261122-杭州"}, "b": {"t": "Order-20261123-上海"}}
    )

    assert searched.keys(ots.MatchPhraseQuery("t", "1122-杭")) == ["a"]
    assert searched.keys(ots.MatchPhraseQuery("t", "ORDER-2026")) == ["a", "b"]
    assert searched.keys(ots.MatchPhraseQuery("t", "26113")) == []


def test_match_with_and_needs_every_word(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("most", "tea coffee", operator=AND)) == ["en"]
    assert notes.keys(ots.MatchQuery("most", "tea iphone6", operator=AND)) == []


def test_match_needs_as_many_words_as_told(notes: Searched) -> None:
    words = "tea coffee iphone6"

    assert notes.keys(ots.MatchQuery("most", words, minimum_should_match=2)) == ["en"]
    assert notes.keys(ots.MatchQuery("most", words, minimum_should_match=3)) == []
    assert notes.keys(ots.MatchQuery("most", words, minimum_should_match="60%")) == ["en", "model"]
    assert notes.keys(ots.MatchQuery("most", words, minimum_should_match="-1")) == ["en"]


def test_minimum_of_optional_words_is_no_matter_where_all_are_needed(notes: Searched) -> None:
    for least in (0, 1):
        query = ots.MatchQuery("most", "green tea", minimum_should_match=least, operator=AND)

        assert notes.keys(query) == notes.keys(ots.MatchQuery("most", "green tea", operator=AND))


def test_match_without_a_word_finds_nothing(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("most", "，。!")) == []
    assert notes.keys(ots.MatchQuery("most", "")) == []


def test_match_on_a_keyword_is_a_term(notes: Searched) -> None:
    assert notes.keys(ots.MatchQuery("exact", "an iPhone6 from Hang Zhou")) == ["model"]
    assert notes.keys(ots.MatchPhraseQuery("exact", "iPhone6")) == []


@pytest.mark.parametrize("field", ["single", "most", "least"])
def test_phrase_needs_its_words_together_and_in_order(notes: Searched, field: str) -> None:
    assert notes.keys(ots.MatchPhraseQuery(field, "green tea")) == ["en"]
    assert notes.keys(ots.MatchPhraseQuery(field, "tea green")) == []
    assert notes.keys(ots.MatchPhraseQuery(field, "green coffee")) == []
    assert notes.keys(ots.MatchPhraseQuery(field, "杭州西湖区")) == ["zh"]
    assert notes.keys(ots.MatchPhraseQuery(field, "喜欢绿茶")) == []


def test_phrase_may_be_loose_by_its_slop(notes: Searched) -> None:
    assert notes.keys(ots.MatchPhraseQuery("single", "likes tea", slop=1)) == ["en"]
    assert notes.keys(ots.MatchPhraseQuery("single", "ann tea", slop=1)) == []
    assert notes.keys(ots.MatchPhraseQuery("single", "ann tea", slop=2)) == ["en"]


def test_phrase_does_not_span_elements_of_an_array(client: Any, table: str) -> None:
    field = ots.FieldSchema("t", ots.FieldType.TEXT, is_array=True)

    searched = Searched(client, table, field).put_all({"a": {"t": '["green tea", "black coffee"]'}})

    assert searched.keys(ots.MatchPhraseQuery("t", "black coffee")) == ["a"]
    assert searched.keys(ots.MatchPhraseQuery("t", "tea black")) == []


def test_rare_word_counts_more_than_a_common_one(client: Any, table: str) -> None:
    searched = Searched(client, table, text("t")).put_all(
        {
            "rare": {"t": "one zebra here"},
            "common": {"t": "some tea here"},
            "also": {"t": "more tea here"},
        }
    )

    scores = searched.scores(ots.MatchQuery("t", "tea zebra"))

    assert list(scores) == ["rare", "also", "common"]
    assert scores["rare"] > scores["also"] == scores["common"] > 0


def test_word_counts_more_when_repeated_and_in_a_shorter_text(client: Any, table: str) -> None:
    searched = Searched(client, table, text("t")).put_all(
        {
            "often": {"t": "tea tea tea and x"},
            "once": {"t": "tea x x and x"},
            "long": {"t": "tea x x and x x x x x x x x x x x"},
        }
    )

    assert list(searched.scores(ots.MatchQuery("t", "tea"))) == ["often", "once", "long"]


def test_weight_multiplies_a_score(notes: Searched) -> None:
    plain = notes.scores(ots.MatchQuery("most", "tea"))["en"]
    heavy = notes.scores(ots.MatchQuery("most", "tea", weight=3.0))["en"]

    assert heavy == pytest.approx(3 * plain)


def test_weight_that_is_not_positive_is_refused(notes: Searched) -> None:
    with refused("OTSParameterInvalid", 400):
        notes.search(ots.MatchQuery("most", "tea", weight=0.0))


def test_score_forgets_what_was_deleted(client: Any, table: str) -> None:
    searched = Searched(client, table, text("t")).put_all(
        {"a": {"t": "tea"}, "b": {"t": "zebra"}, "c": {"t": "zebra"}, "d": {"t": "zebra"}}
    )
    for key in ("b", "c"):
        searched.delete(key)
    searched.settle()

    scores = searched.scores(ots.MatchQuery("t", "tea zebra"))

    assert scores["a"] == pytest.approx(scores["d"])
