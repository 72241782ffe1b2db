"""Highlighting: where in a text the words of a query stand."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import NOTHING, Searched, keyword
from tests.conformance.tablestore import refused

INVALID = ("OTSParameterInvalid", 400)
ALL = ots.MatchAllQuery()
LONG_TEXT = "tea in the morning, cake at noon, tea in the evening and tea at night"


def shown(name: str, analyzer: str = ots.AnalyzerType.SINGLEWORD, **options: Any) -> Any:
    return ots.FieldSchema(
        name, ots.FieldType.TEXT, analyzer=analyzer, enable_highlighting=True, **options
    )


@pytest.fixture
def notes(client: Any, table: str) -> Searched:
    fields = (
        shown("t"),
        shown("zh", ots.AnalyzerType.MAXWORD),
        shown("csv", ots.AnalyzerType.SPLIT, analyzer_parameter=ots.SplitAnalyzerParameter(",")),
        shown("many", is_array=True),
        keyword("k"),
        ots.FieldSchema("plain", ots.FieldType.TEXT),
    )
    notes = Searched(client, table, *fields)
    return notes.put_all(
        {
            "a": {"t": "Green tea and black tea", "plain": "tea", "k": "x"},
            "long": {"t": LONG_TEXT},
            "html": {"t": '<i>tea</i> & "cake" isn\'t'},
            "zh": {"zh": "菊花茶是一款大部分人都适合的经典花茶"},
            "csv": {"csv": "red wine, Green tea,water"},
            "many": {"many": '["no", "some tea", "more tea"]'},
        }
    )


def fields(hit: Any) -> list[Any]:
    """The SDK's codec in C++ has no result where there is nothing in it."""
    return list(hit.highlight_result.highlight_fields) if hit.highlight_result else []


def fragments(notes: Searched, key: str, query: Any, *parameters: Any, **options: Any) -> Any:
    """The fragments of each field, in the hit of this key."""
    highlight = ots.Highlight(list(parameters), **options)
    for hit in notes.search(query, highlight=highlight, columns=NOTHING).search_hits:
        if hit.row[0][0][1] == key:
            return {field.field_name: list(field.field_fragments) for field in fields(hit)}
    raise AssertionError(f"{key} is not found")


def parameter(name: str = "t", **options: Any) -> ots.HighlightParameter:
    return ots.HighlightParameter(name, **options)


TEA = ots.MatchQuery("t", "tea")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TEA, "Green <em>tea</em> and black <em>tea</em>"),
        (ots.MatchQuery("t", "green black"), "<em>Green</em> tea and <em>black</em> tea"),
        (
            ots.MatchPhraseQuery("t", "green tea"),
            "<em>Green</em> <em>tea</em> and black <em>tea</em>",
        ),
        (ots.TermQuery("t", "black"), "Green tea and <em>black</em> tea"),
        (ots.TermsQuery("t", ["and", "black"]), "Green tea <em>and</em> <em>black</em> tea"),
        (ots.PrefixQuery("t", "bl"), "Green tea and <em>black</em> tea"),
        (ots.WildcardQuery("t", "?nd"), "Green tea <em>and</em> black tea"),
        (
            ots.BoolQuery(
                must_queries=[ots.TermQuery("t", "black")],
                should_queries=[ots.BoolQuery(filter_queries=[ots.TermQuery("t", "and")])],
                must_not_queries=[ots.TermQuery("t", "cake")],
            ),
            "Green tea <em>and</em> <em>black</em> tea",
        ),
    ],
    ids=["match", "words", "phrase", "term", "terms", "prefix", "wildcard", "bool"],
)
def test_words_of_the_query_are_marked(notes: Searched, query: Any, expected: str) -> None:
    assert fragments(notes, "a", query, parameter()) == {"t": [expected]}


def test_tags_are_those_asked_for(notes: Searched) -> None:
    asked = parameter(pre_tag="<b>", post_tag="</b>")

    assert fragments(notes, "a", ots.TermQuery("t", "green"), asked) == {
        "t": ["<b>Green</b> tea and black tea"]
    }


def test_overlapping_chinese_words_are_marked_as_one(notes: Searched) -> None:
    flower_tea = fragments(notes, "zh", ots.MatchQuery("zh", "花茶"), parameter("zh"))
    both_words = fragments(notes, "zh", ots.MatchQuery("zh", "菊花茶"), parameter("zh"))

    assert flower_tea == {"zh": ["菊<em>花茶</em>是一款大部分人都适合的经典<em>花茶</em>"]}
    assert both_words == {"zh": ["<em>菊花茶</em>是一款大部分人都适合的经典<em>花茶</em>"]}


def test_parts_of_a_list_are_marked_without_the_space_around(notes: Searched) -> None:
    query = ots.MatchQuery("csv", "green tea")

    assert fragments(notes, "csv", query, parameter("csv")) == {
        "csv": ["red wine, <em>Green tea</em>,water"]
    }


def test_text_is_cut_into_fragments(notes: Searched) -> None:
    """Each of 34 characters: two of them have the word once, the last one twice."""
    asked = parameter(fragment_size=34, number_of_fragments=5)

    assert fragments(notes, "long", TEA, asked) == {
        "t": [
            "<em>tea</em> in the morning, cake at noon, ",
            "<em>tea</em> in the evening and <em>tea</em> at nigh",
        ]
    }


def test_fragments_with_the_most_words_are_chosen(notes: Searched) -> None:
    best = parameter(fragment_size=34, number_of_fragments=1)
    by_score = parameter(
        fragment_size=34, number_of_fragments=2, fragments_order=ots.HighlightFragmentOrder.SCORE
    )

    best_found = fragments(notes, "long", TEA, best)["t"]
    ordered = fragments(notes, "long", TEA, by_score)["t"]

    assert [text.count("<em>") for text in best_found] == [2]
    assert [text.count("<em>") for text in ordered] == [2, 1]


def test_word_that_a_cut_goes_through_is_not_marked(notes: Searched) -> None:
    """Green te|a and bl|ack tea."""
    asked = parameter(fragment_size=8, number_of_fragments=5)

    assert fragments(notes, "a", TEA, asked) == {"t": ["ack <em>tea</em>"]}


def test_each_element_of_an_array_is_cut_by_itself(notes: Searched) -> None:
    asked = parameter("many", number_of_fragments=5)

    assert fragments(notes, "many", ots.MatchQuery("many", "tea"), asked) == {
        "many": ["some <em>tea</em>", "more <em>tea</em>"]
    }


def test_html_is_escaped_if_asked(notes: Searched) -> None:
    plain = fragments(notes, "html", TEA, parameter())
    escaped = fragments(
        notes, "html", TEA, parameter(), highlight_encoder=ots.HighlightEncoder.HTML_MODE
    )

    assert plain == {"t": ['<i><em>tea</em></i> & "cake" isn\'t']}
    assert escaped == {
        "t": ["&lt;i&gt;<em>tea</em>&lt;&#x2F;i&gt; &amp; &quot;cake&quot; isn&#x27;t"]
    }


def test_field_that_the_query_does_not_name_has_no_fragments(notes: Searched) -> None:
    assert fragments(notes, "a", ots.TermQuery("k", "x"), parameter()) == {}
    assert fragments(notes, "a", ALL, parameter(), parameter("zh")) == {}
    negative = ots.BoolQuery(must_not_queries=[ots.TermQuery("t", "cake")])
    assert fragments(notes, "a", negative, parameter()) == {}


def test_nothing_is_highlighted_unless_asked(notes: Searched) -> None:
    hits = notes.search(TEA).search_hits

    assert [fields(hit) for hit in hits] == [[]] * len(hits)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (parameter("plain"), "highlighting is not supported for field[plain]"),
        (parameter("k"), "highlighting is not supported for field[k]"),
        (parameter("nowhere"), "does not exist"),
        (parameter(fragment_size=0), "fragment_size"),
        (parameter(number_of_fragments=0), "number_of_fragments"),
    ],
    ids=["plain", "keyword", "nowhere", "size", "number"],
)
def test_what_makes_no_sense_is_refused(notes: Searched, asked: Any, message: str) -> None:
    with refused(*INVALID, message):
        fragments(notes, "a", TEA, asked)


def test_only_text_can_be_made_for_highlighting(client: Any, table: str) -> None:
    meta = ots.SearchIndexMeta([keyword("k", enable_highlighting=True)])

    with refused(*INVALID):
        client.create_search_index(table, "i", meta)
