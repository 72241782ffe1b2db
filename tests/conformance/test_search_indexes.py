"""CreateSearchIndex, ListSearchIndex, DescribeSearchIndex, UpdateSearchIndex, DeleteSearchIndex."""

from collections.abc import Callable
from typing import Any

import pytest
import tablestore as ots

from devtools.servers import wait_until
from tests.conformance.searched import Searched, by_field, by_key, keyword, long, text, vector
from tests.conformance.tablestore import put, refused

INDEX = Searched.INDEX


def create(client: Any, table: str, *fields: ots.FieldSchema, **options: Any) -> None:
    client.create_search_index(table, INDEX, ots.SearchIndexMeta(list(fields), **options))


def test_index_is_listed_until_it_is_deleted(client: Any, table: str) -> None:
    create(client, table, keyword("k"))
    listed = client.list_search_index(table)
    client.delete_search_index(table, INDEX)

    assert listed == [(table, INDEX)]
    assert client.list_search_index(table) == []


def test_all_tables_are_listed_when_none_is_named(client: Any, make_table: Any) -> None:
    tables = [make_table(), make_table()]
    for table in tables:
        create(client, table, keyword("k"))

    listed = client.list_search_index()

    assert {(table, INDEX) for table in tables} <= set(listed)


def test_index_is_described_as_it_was_created(client: Any, table: str) -> None:
    parameter = ots.FuzzyAnalyzerParameter(2, 5)
    create(
        client,
        table,
        keyword("k", is_array=True, store=False),
        long("n", index=False, enable_sort_and_agg=False),
        text("t", ots.AnalyzerType.FUZZY, parameter),
        ots.FieldSchema("d", ots.FieldType.DATE, date_formats=["yyyy-MM-dd"]),
        vector("v", 3, ots.VectorMetricType.VM_DOT_PRODUCT),
        index_sort=by_key(ots.SortOrder.DESC),
    )

    meta, _ = client.describe_search_index(table, INDEX)

    k, n, t, d, v = meta.fields
    assert (k.field_name, k.field_type) == ("k", ots.FieldType.KEYWORD)
    assert (k.is_array, k.store, k.index) == (True, False, True)
    assert (n.index, n.enable_sort_and_agg) == (False, False)
    assert (t.analyzer, t.analyzer_parameter.max_chars) == ("fuzzy", 5)
    assert d.date_formats == ["yyyy-MM-dd"]
    assert (v.vector_options.dimension, v.vector_options.metric_type) == (3, 2)
    assert meta.index_sort.sorters[0].sort_order == ots.SortOrder.DESC
    assert meta.time_to_live == -1


def test_what_was_left_out_is_described_as_the_service_fills_it_in(client: Any, table: str) -> None:
    """All but what can be sorted: it shows what was said, and sorts what can be."""
    create(client, table, keyword("k"), long("n", enable_sort_and_agg=True), text("t"))

    meta, _ = client.describe_search_index(table, INDEX)

    k, n, t = meta.fields
    assert (k.index, k.store, k.is_array) == (True, True, False)
    assert [bool(field.enable_sort_and_agg) for field in (k, n, t)] == [False, True, False]
    assert t.analyzer == "single_word"
    assert isinstance(meta.index_sort.sorters[0], ots.PrimaryKeySort)


def test_index_takes_in_the_rows_that_were_there(client: Any, table: str) -> None:
    for key in ("a", "b"):
        put(client, table, [("pk", key)], [("k", key)])

    searched = Searched(client, table, keyword("k"))

    wait_until(lambda: searched.keys(ots.MatchAllQuery()) == ["a", "b"], "old rows are found")
    phase = client.describe_search_index(table, INDEX, True)[1].sync_phase
    assert phase == ots.SyncPhase.INCR


def test_two_indexes_of_a_table_are_apart(client: Any, table: str) -> None:
    searched = Searched(client, table, keyword("k"))
    client.create_search_index(table, "other", ots.SearchIndexMeta([long("n")]))
    searched.put_all({"a": {"k": "x", "n": 1}})

    asked = ots.SearchQuery(ots.TermQuery("n", 1), limit=1)
    found = wait_until(lambda: client.search(table, "other", asked).rows, "the row")

    assert found[0][0] == [("pk", "a")]
    with refused("OTSParameterInvalid", 400):
        searched.search(ots.TermQuery("n", 1))


def test_index_made_again_starts_anew(client: Any, table: str) -> None:
    searched = Searched(client, table, keyword("k")).put_all({"a": {"k": "x", "n": 1}})
    client.delete_search_index(table, INDEX)

    create(client, table, long("n"))

    wait_until(lambda: searched.keys(ots.TermQuery("n", 1)) == ["a"], "the row")
    with refused("OTSParameterInvalid", 400):
        searched.search(ots.TermQuery("k", "x"))


def test_index_of_the_same_name_is_refused(client: Any, table: str) -> None:
    create(client, table, keyword("k"))

    with refused("OTSObjectAlreadyExist", 409):
        create(client, table, long("n"))

    assert client.describe_search_index(table, INDEX)[0].fields[0].field_name == "k"


def test_index_of_a_table_that_is_not_there_is_refused(client: Any, fresh_name: str) -> None:
    with refused("OTSObjectNotExist", 404, "does not exist"):
        create(client, fresh_name, keyword("k"))
    with refused("OTSObjectNotExist", 404, "does not exist"):
        client.list_search_index(fresh_name)


def test_index_that_is_not_there_is_refused(client: Any, table: str) -> None:
    asked = ots.SearchQuery(ots.MatchAllQuery())
    calls: list[Callable[[], object]] = [
        lambda: client.search(table, INDEX, asked),
        lambda: client.describe_search_index(table, INDEX),
        lambda: client.delete_search_index(table, INDEX),
    ]
    for call in calls:
        with refused("OTSObjectNotExist", 404, "does not exist"):
            call()


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [keyword("k"), long("k")],
        [text("t", "no_such_analyzer")],
        [keyword("k", analyzer=ots.AnalyzerType.MAXWORD)],
        [vector("v", 0)],
        [vector("v", 5000)],
        [ots.FieldSchema("v", ots.FieldType.VECTOR)],
        [ots.FieldSchema("t", ots.FieldType.TEXT, enable_sort_and_agg=True)],
        [ots.FieldSchema("d", ots.FieldType.DATE)],
        [text("t", ots.AnalyzerType.FUZZY, ots.FuzzyAnalyzerParameter(5, 2))],
    ],
    ids=lambda fields: ",".join(field.field_name for field in fields) or "none",
)
def test_schema_that_makes_no_sense_is_refused(client: Any, table: str, fields: Any) -> None:
    with refused("OTSParameterInvalid", 400):
        create(client, table, *fields)

    assert client.list_search_index(table) == []


def test_order_by_a_field_that_cannot_be_sorted_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400):
        create(client, table, text("t"), index_sort=by_field("t"))


@pytest.mark.parametrize(
    "options",
    [ots.TableOptions(-1, 2), ots.TableOptions(86_400, 1)],
    ids=["versions", "expiry"],
)
def test_table_whose_options_allow_no_index_is_refused(
    client: Any, make_table: Any, options: Any
) -> None:
    table = make_table(options=options)

    with refused("OTSParameterInvalid", 400):
        create(client, table, keyword("k"))

    assert client.list_search_index(table) == []


def test_table_that_expires_may_have_an_index_if_it_takes_no_updates(
    client: Any, make_table: Any
) -> None:
    table = make_table(options=ots.TableOptions(86_400, 1, allow_update=False))

    create(client, table, keyword("k"))

    assert client.list_search_index(table) == [(table, INDEX)]


def test_name_that_breaks_the_rules_is_refused(client: Any, table: str) -> None:
    with refused("OTSParameterInvalid", 400):
        client.create_search_index(table, "1st-index", ots.SearchIndexMeta([keyword("k")]))


def test_routing_keys_say_where_to_look_and_filter_nothing(client: Any, table: str) -> None:
    setting = ots.IndexSetting(routing_fields=["pk"])
    searched = Searched(client, table, keyword("pk"), long("n"), index_setting=setting)
    searched.put_all({"a": {"n": 1}, "b": {"n": 2}})

    found = searched.keys(ots.TermQuery("pk", "a"), routing_keys=[[("pk", "a")]])

    assert found == ["a"]
    assert client.describe_search_index(table, INDEX)[0].index_setting.routing_fields == ["pk"]


def test_routing_keys_of_other_columns_are_refused(client: Any, table: str) -> None:
    searched = Searched(client, table, keyword("pk"), long("n"))

    with refused("OTSParameterInvalid", 400):
        searched.search(ots.MatchAllQuery(), routing_keys=[[("pk", "a")]])
