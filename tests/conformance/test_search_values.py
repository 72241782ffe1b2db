"""Term, terms, range, prefix, wildcard and exists queries over each type of field."""

from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import Searched, keyword, long, text
from tests.conformance.tablestore import refused

DAY = "yyyy-MM-dd HH:mm:ss"


@pytest.fixture
def people(client: Any, table: str) -> Searched:
    searched = Searched(
        client,
        table,
        keyword("pk"),
        keyword("city"),
        long("age"),
        ots.FieldSchema("height", ots.FieldType.DOUBLE),
        ots.FieldSchema("member", ots.FieldType.BOOLEAN),
        ots.FieldSchema("born", ots.FieldType.DATE, date_formats=[DAY, "yyyy-MM-dd"]),
        ots.FieldSchema("seen", ots.FieldType.DATE, date_formats=["epoch_millis"]),
        keyword("likes", is_array=True),
        long("scores", is_array=True),
        text("note"),
    )
    return searched.put_all(
        {
            "ann": {
                "city": "Hangzhou",
                "age": 31,
                "height": 1.7,
                "member": True,
                "born": "1995-02-03 04:05:06",
                "seen": 1_700_000_000_000,
                "likes": '["tea", "chess"]',
                "scores": "[1, 50]",
                "note": "Likes Green tea",
            },
            "bob": {
                "city": "Hangzhou Bay",
                "age": 44,
                "height": 1.85,
                "member": False,
                "born": "1982-01-01",
                "seen": 1_600_000_000_000,
                "likes": '["coffee"]',
                "scores": "[7]",
                "note": "green car",
            },
            "cy": {"city": "上海", "age": -2, "scores": "[]"},
            "dee": {},
        }
    )


def test_term_finds_a_keyword_exactly(people: Searched) -> None:
    assert people.keys(ots.TermQuery("city", "Hangzhou")) == ["ann"]
    assert people.keys(ots.TermQuery("city", "hangzhou")) == []
    assert people.keys(ots.TermQuery("city", "上海")) == ["cy"]


def test_term_finds_a_key_column(people: Searched) -> None:
    assert people.keys(ots.TermQuery("pk", "dee")) == ["dee"]


def test_term_finds_numbers_and_booleans(people: Searched) -> None:
    assert people.keys(ots.TermQuery("age", -2)) == ["cy"]
    assert people.keys(ots.TermQuery("height", 1.85)) == ["bob"]
    assert people.keys(ots.TermQuery("member", True)) == ["ann"]
    assert people.keys(ots.TermQuery("member", False)) == ["bob"]


def test_number_may_be_asked_for_as_a_string(people: Searched) -> None:
    assert people.keys(ots.TermQuery("age", "31")) == ["ann"]
    assert people.keys(ots.RangeQuery("age", "31", "50")) == ["ann", "bob"]


def test_term_finds_an_element_of_an_array(people: Searched) -> None:
    assert people.keys(ots.TermQuery("likes", "chess")) == ["ann"]
    assert people.keys(ots.TermQuery("scores", 50)) == ["ann"]


def test_term_finds_a_token_of_a_text(people: Searched) -> None:
    assert people.keys(ots.TermQuery("note", "green")) == ["ann", "bob"]
    assert people.keys(ots.TermQuery("note", "Green")) == []


def test_terms_finds_any(people: Searched) -> None:
    assert people.keys(ots.TermsQuery("city", ["上海", "Hangzhou", "Nowhere"])) == ["ann", "cy"]
    assert people.keys(ots.TermsQuery("age", [31, 44, 99])) == ["ann", "bob"]
    assert people.keys(ots.TermsQuery("note", ["car", "tea"])) == ["ann", "bob"]


def test_terms_without_a_term_is_refused(people: Searched) -> None:
    with refused("OTSParameterInvalid", 400):
        people.search(ots.TermsQuery("city", []))


def test_range_includes_its_bounds_as_told(people: Searched) -> None:
    assert people.keys(ots.RangeQuery("age", 31, 44)) == ["ann"]
    assert people.keys(ots.RangeQuery("age", 31, 44, include_upper=True)) == ["ann", "bob"]
    assert people.keys(ots.RangeQuery("age", 31, 44, False, True)) == ["bob"]
    assert people.keys(ots.RangeQuery("age", 31, 44, False, False)) == []


def test_range_may_be_open_at_one_end(people: Searched) -> None:
    assert people.keys(ots.RangeQuery("age", range_from=0)) == ["ann", "bob"]
    assert people.keys(ots.RangeQuery("age", range_to=0)) == ["cy"]
    assert people.keys(ots.RangeQuery("height", range_from=1.7, include_lower=False)) == ["bob"]


def test_range_of_keywords_goes_by_their_order(people: Searched) -> None:
    assert people.keys(ots.RangeQuery("city", "Hangzhou", "I", include_lower=False)) == ["bob"]


def test_range_of_an_array_looks_at_each_element(people: Searched) -> None:
    assert people.keys(ots.RangeQuery("scores", 2, 40)) == ["bob"]
    assert people.keys(ots.RangeQuery("scores", 2)) == ["ann", "bob"]


def test_dates_are_compared_as_moments_whatever_their_format(people: Searched) -> None:
    assert people.keys(ots.RangeQuery("born", "1990-01-01")) == ["ann"]
    assert people.keys(ots.TermQuery("born", "1982-01-01 00:00:00")) == ["bob"]
    assert people.keys(ots.RangeQuery("seen", 1_650_000_000_000)) == ["ann"]


def test_prefix_finds_beginnings(people: Searched) -> None:
    assert people.keys(ots.PrefixQuery("city", "Hang")) == ["ann", "bob"]
    assert people.keys(ots.PrefixQuery("city", "hang")) == []
    assert people.keys(ots.PrefixQuery("note", "gre")) == ["ann", "bob"]
    assert people.keys(ots.PrefixQuery("note", "green c")) == []


def test_wildcard_knows_star_and_question_mark(people: Searched) -> None:
    assert people.keys(ots.WildcardQuery("city", "*zhou*")) == ["ann", "bob"]
    assert people.keys(ots.WildcardQuery("city", "?angzhou")) == ["ann"]
    assert people.keys(ots.WildcardQuery("city", "上?")) == ["cy"]
    assert people.keys(ots.WildcardQuery("city", "[H]*")) == []


def test_wildcard_longer_than_the_limit_is_refused(people: Searched) -> None:
    with refused("OTSParameterInvalid", 400):
        people.search(ots.WildcardQuery("city", "*" + "a" * 32))


def test_exists_finds_rows_with_the_column(people: Searched) -> None:
    assert people.keys(ots.ExistsQuery("city")) == ["ann", "bob", "cy"]
    assert people.keys(ots.ExistsQuery("note")) == ["ann", "bob"]
    assert people.keys(ots.ExistsQuery("scores")) == ["ann", "bob"]


def test_match_all_finds_rows_without_any_column(people: Searched) -> None:
    assert people.keys(ots.MatchAllQuery()) == ["ann", "bob", "cy", "dee"]


def test_column_of_another_type_is_not_indexed_but_its_row_is(client: Any, table: str) -> None:
    searched = Searched(client, table, long("age"), keyword("city"))

    searched.put_all({"odd": {"age": "old", "city": "Hangzhou"}, "even": {"age": 2}})

    assert searched.keys(ots.ExistsQuery("age")) == ["even"]
    assert searched.keys(ots.TermQuery("city", "Hangzhou")) == ["odd"]


def test_array_that_is_not_one_is_not_indexed(client: Any, table: str) -> None:
    searched = Searched(client, table, long("n", is_array=True))

    searched.put_all(
        {"a": {"n": "[1, 2"}, "b": {"n": '[1, "x"]'}, "c": {"n": "[1]"}, "d": {"n": 1}}
    )

    assert searched.keys(ots.TermQuery("n", 1)) == ["c"]


def test_field_that_is_not_in_the_index_is_refused(people: Searched) -> None:
    with refused("OTSParameterInvalid", 400, "nickname"):
        people.search(ots.TermQuery("nickname", "x"))


def test_value_that_does_not_fit_the_field_is_refused(people: Searched) -> None:
    for query in (ots.TermQuery("age", "old"), ots.TermQuery("city", 3), ots.TermQuery("age", 1.5)):
        with refused("OTSParameterInvalid", 400):
            people.search(query)


def test_query_that_does_not_fit_the_field_is_refused(people: Searched) -> None:
    for query in (ots.RangeQuery("note", "a"), ots.PrefixQuery("age", "3")):
        with refused("OTSParameterInvalid", 400):
            people.search(query)


def test_changed_row_is_found_by_its_new_values_alone(people: Searched) -> None:
    people.put("ann", city="Suzhou")
    people.settle()

    assert people.keys(ots.TermQuery("city", "Suzhou")) == ["ann"]
    assert people.keys(ots.TermQuery("city", "Hangzhou")) == []
    assert people.keys(ots.ExistsQuery("age")) == ["bob", "cy"]


def test_deleted_row_is_not_found(people: Searched) -> None:
    people.delete("bob")
    people.settle()

    assert people.keys(ots.MatchAllQuery()) == ["ann", "cy", "dee"]
    assert people.keys(ots.TermQuery("age", 44)) == []
