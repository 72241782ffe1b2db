"""KnowledgeStore and AsyncKnowledgeStore: every public method, of one tenant and of many."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import tablestore as ots
from tablestore_for_agent_memory.base.base_knowledge_store import Document
from tablestore_for_agent_memory.base.filter import Filters
from tablestore_for_agent_memory.knowledge.async_knowledge_store import AsyncKnowledgeStore
from tablestore_for_agent_memory.knowledge.knowledge_store import KnowledgeStore

from devtools.servers import wait_until
from tests.conformance.agent_memory import opened
from tests.conformance.searched import keyword
from tests.conformance.tablestore import Service


def open_store(kind: str, service: Service, multi_tenant: bool) -> Any:
    options: dict[str, Any] = {
        "vector_dimension": 3,
        "enable_multi_tenant": multi_tenant,
        "table_name": f"knowledge_{uuid.uuid4().hex[:12]}",
        "search_index_schema": [
            keyword("user_id"),
            ots.FieldSchema("year", ots.FieldType.LONG),
            ots.FieldSchema("sure", ots.FieldType.DOUBLE),
            ots.FieldSchema("kept", ots.FieldType.BOOLEAN),
        ],
    }
    return opened(
        kind,
        service,
        partial(KnowledgeStore, **options),
        partial(AsyncKnowledgeStore, **options),
    )


@pytest.fixture(scope="module", params=["sync", "async"])
def one_tenant(request: pytest.FixtureRequest, service: Service) -> Iterator[Any]:
    with open_store(request.param, service, multi_tenant=False) as store:
        store.init_table()
        yield store


@pytest.fixture(scope="module", params=["sync", "async"])
def many_tenants(request: pytest.FixtureRequest, service: Service) -> Iterator[Any]:
    with open_store(request.param, service, multi_tenant=True) as store:
        store.init_table()
        yield store


@pytest.fixture
def store(one_tenant: Any) -> Any:
    """A store of one tenant with four documents, all of them in the index."""
    fill(
        one_tenant,
        Document(
            "tea",
            text="Ann likes green tea, tea and more tea",
            embedding=[1.0, 0.0, 0.0],
            metadata={"user_id": "ann", "year": 2024, "sure": 0.9, "kept": True},
        ),
        Document(
            "coffee",
            text="Ann likes coffee more than tea in the long cold and dark winter",
            embedding=[0.0, 1.0, 0.0],
            metadata={"user_id": "ann", "year": 2025, "sure": 0.5, "kept": False},
        ),
        Document(
            "home",
            text="他住在杭州西湖区，喜欢喝绿茶",
            embedding=[0.0, 0.0, 1.0],
            metadata={"user_id": "bob", "year": 2026, "sure": 0.1},
        ),
        Document("bare", metadata={"user_id": "cy"}),
    )
    return one_tenant


@pytest.fixture
def tenants(many_tenants: Any) -> Any:
    """A store of two tenants who both like tea."""
    fill(
        many_tenants,
        Document("1", "ann", "I like tea", [1.0, 0.0, 0.0], {"year": 2024}),
        Document("2", "ann", "I like cats", [0.0, 1.0, 0.0], {"year": 2025}),
        Document("1", "bob", "I like tea too", [0.9, 0.1, 0.0], {"year": 2024}),
    )
    return many_tenants


def fill(store: Any, *documents: Document) -> None:
    """Put these documents in place of all others and wait until the index has them."""
    store.delete_all_documents()
    for document in documents:
        store.put_document(document)
    expected = sorted((one.document_id, one.tenant_id) for one in documents)
    wait_until(lambda: sorted(indexed(store)) == expected, "the index has these documents")


def indexed(store: Any) -> list[tuple[str, str]]:
    """Documents as the index has them."""
    hits = store.search_documents().hits
    return [(hit.document.document_id, hit.document.tenant_id) for hit in hits]


def ids(response: Any) -> list[str]:
    return [hit.document.document_id for hit in response.hits]


def test_document_is_read_as_it_was_put(store: Any) -> None:
    document = store.get_document("tea")

    assert document.text == "Ann likes green tea, tea and more tea"
    assert document.embedding == [1.0, 0.0, 0.0]
    assert document.metadata == {"user_id": "ann", "year": 2024, "sure": 0.9, "kept": True}
    assert document.tenant_id == "__default"
    assert store.get_document("bare").text is None


def test_document_that_is_not_there_is_none(store: Any) -> None:
    assert store.get_document("nobody") is None


def test_documents_are_read_in_the_order_asked_for(store: Any) -> None:
    documents = store.get_documents(["home", "nobody", "tea"])

    assert [one and one.document_id for one in documents] == ["home", None, "tea"]


def test_more_documents_than_a_batch_holds_are_read(store: Any) -> None:
    names = [f"n{number}" for number in range(101)]

    documents = store.get_documents([*names, "tea"])

    assert [one and one.document_id for one in documents] == [None] * 101 + ["tea"]


def test_all_documents_are_read_in_key_order(store: Any) -> None:
    assert [one.document_id for one in store.get_all_documents()] == [
        "bare",
        "coffee",
        "home",
        "tea",
    ]


def test_update_keeps_what_it_does_not_name(store: Any) -> None:
    store.update_document(Document("tea", text="Ann prefers milk", metadata={"year": 2030}))

    document = store.get_document("tea")
    assert (document.text, document.metadata["year"]) == ("Ann prefers milk", 2030)
    assert (document.embedding, document.metadata["user_id"]) == ([1.0, 0.0, 0.0], "ann")
    wait_until(lambda: ids(store.full_text_search("milk")) == ["tea"], "the new text is found")
    assert "tea" not in ids(store.full_text_search("green"))


def test_put_replaces_the_whole_document(store: Any) -> None:
    store.put_document(Document("tea", text="Only milk"))

    assert store.get_document("tea").metadata == {}
    wait_until(lambda: ids(store.full_text_search("milk")) == ["tea"], "the new text is found")
    assert ids(store.search_documents(metadata_filter=Filters.eq("user_id", "ann"))) == ["coffee"]


def test_deleted_document_is_gone_from_table_and_index(store: Any) -> None:
    store.delete_document("tea")

    assert store.get_document("tea") is None
    wait_until(lambda: "tea" not in ids(store.search_documents()), "it is out of the index")


def test_all_documents_can_be_deleted(store: Any) -> None:
    store.delete_all_documents()

    assert store.get_all_documents() == []
    wait_until(lambda: indexed(store) == [], "the index is empty")


@pytest.mark.parametrize(
    ("metadata_filter", "expected"),
    [
        (None, ["bare", "coffee", "home", "tea"]),
        (Filters.all(), ["bare", "coffee", "home", "tea"]),
        (Filters.eq("user_id", "ann"), ["coffee", "tea"]),
        (Filters.not_eq("user_id", "ann"), ["bare", "home"]),
        (Filters.gt("year", 2024), ["coffee", "home"]),
        (Filters.gte("year", 2024), ["coffee", "home", "tea"]),
        (Filters.lt("year", 2025), ["tea"]),
        (Filters.lte("sure", 0.5), ["coffee", "home"]),
        (Filters.In("user_id", ["bob", "cy"]), ["bare", "home"]),
        (Filters.not_in("year", [2024, 2025]), ["bare", "home"]),
        (Filters.eq("kept", False), ["coffee"]),
        (
            Filters.logical_and([Filters.eq("user_id", "ann"), Filters.gt("sure", 0.6)]),
            ["tea"],
        ),
        (Filters.logical_or([Filters.eq("year", 2026), Filters.eq("kept", True)]), ["home", "tea"]),
        (Filters.logical_not([Filters.eq("user_id", "ann")]), ["bare", "home"]),
        (Filters.logical_and([]), ["bare", "coffee", "home", "tea"]),
    ],
    ids=str,
)
def test_documents_are_searched_by_metadata(
    store: Any, metadata_filter: Any, expected: list[str]
) -> None:
    response = store.search_documents(metadata_filter=metadata_filter)

    assert ids(response) == expected
    assert response.next_token is None


def test_text_may_be_part_of_a_filter_and_then_sorts(store: Any) -> None:
    assert ids(store.search_documents(metadata_filter=Filters.text_match("text", "tea"))) == [
        "tea",
        "coffee",
    ]
    phrase = Filters.text_match_phrase("text", "green tea")
    assert ids(store.search_documents(metadata_filter=phrase)) == ["tea"]


def test_search_goes_on_where_the_page_ended(store: Any) -> None:
    first = store.search_documents(limit=3)
    second = store.search_documents(limit=3, next_token=first.next_token)

    assert (ids(first), ids(second)) == (["bare", "coffee", "home"], ["tea"])
    assert second.next_token is None


def test_search_returns_indexed_columns_without_the_vector(store: Any) -> None:
    document = store.search_documents(metadata_filter=Filters.eq("year", 2024)).hits[0].document

    assert document.text == "Ann likes green tea, tea and more tea"
    assert document.metadata == {"user_id": "ann", "year": 2024, "sure": 0.9, "kept": True}
    assert document.embedding is None


def test_search_returns_the_columns_asked_for(store: Any) -> None:
    one = Filters.eq("year", 2024)

    hits = store.search_documents(metadata_filter=one, meta_data_to_get=["embedding", "year"]).hits

    assert hits[0].document.embedding == [1.0, 0.0, 0.0]
    assert hits[0].document.metadata == {"year": 2024}
    assert hits[0].document.text is None


def test_search_reads_columns_that_are_not_in_the_index(store: Any) -> None:
    store.put_document(Document("extra", metadata={"year": 1999, "elsewhere": "yes"}))
    one = Filters.eq("year", 1999)
    wait_until(lambda: ids(store.search_documents(metadata_filter=one)), "it is in the index")

    hits = store.search_documents(metadata_filter=one, meta_data_to_get=["elsewhere"], limit=1).hits

    assert hits[0].document.metadata == {"elsewhere": "yes"}


def test_full_text_finds_the_best_first(store: Any) -> None:
    hits = store.full_text_search("tea").hits

    assert [hit.document.document_id for hit in hits] == ["tea", "coffee"]
    assert hits[0].score > hits[1].score > 0


def test_full_text_knows_chinese(store: Any) -> None:
    assert ids(store.full_text_search("杭州")) == ["home"]
    assert ids(store.full_text_search("北京")) == []


def test_full_text_filters_and_pages(store: Any) -> None:
    ann = Filters.eq("user_id", "ann")

    first = store.full_text_search("tea 绿茶", metadata_filter=ann, limit=1)
    second = store.full_text_search(
        "tea 绿茶", metadata_filter=ann, limit=1, next_token=first.next_token
    )

    assert (ids(first), ids(second)) == (["tea"], ["coffee"])
    assert second.next_token is None


def test_vector_search_finds_the_nearest_first(store: Any) -> None:
    hits = store.vector_search([0.9, 0.5, 0.1], top_k=2).hits

    assert [hit.document.document_id for hit in hits] == ["tea", "coffee"]
    assert 1 >= hits[0].score > hits[1].score > 0.5


def test_vector_search_filters_before_it_counts(store: Any) -> None:
    response = store.vector_search(
        [0.9, 0.5, 0.1], top_k=1, metadata_filter=Filters.eq("user_id", "bob")
    )

    assert ids(response) == ["home"]


def test_vector_search_pages(store: Any) -> None:
    first = store.vector_search([0.9, 0.5, 0.1], top_k=3, limit=2)
    second = store.vector_search([0.9, 0.5, 0.1], top_k=3, limit=2, next_token=first.next_token)

    assert (ids(first), ids(second)) == (["tea", "coffee"], ["home"])


def test_embedding_of_another_length_is_refused_by_the_store(store: Any) -> None:
    with pytest.raises(ValueError, match="dimension"):
        store.put_document(Document("odd", embedding=[1.0]))


def test_tables_and_index_are_made_once(store: Any) -> None:
    store.init_table()

    assert store.get_document("tea").text


def test_tenants_have_documents_of_the_same_name(tenants: Any) -> None:
    assert tenants.get_document("1", "ann").text == "I like tea"
    assert tenants.get_document("1", "bob").text == "I like tea too"
    assert [one and one.text for one in tenants.get_documents(["1", "2"], "bob")] == [
        "I like tea too",
        None,
    ]


def test_tenant_must_be_named(tenants: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: tenants.get_document("1"),
        lambda: tenants.delete_document("1"),
        lambda: tenants.put_document(Document("1")),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="tenant"):
            call()


def test_search_stays_within_the_tenants_named(tenants: Any) -> None:
    assert ids(tenants.search_documents(tenant_id="ann")) == ["1", "2"]
    assert indexed(tenants) == [("1", "ann"), ("1", "bob"), ("2", "ann")]
    assert len(tenants.search_documents(tenant_id=["ann", "bob"]).hits) == 3
    recent = Filters.gt("year", 2024)
    assert ids(tenants.search_documents(tenant_id=["ann"], metadata_filter=recent)) == ["2"]


def test_full_text_stays_within_the_tenant(tenants: Any) -> None:
    hits = tenants.full_text_search("tea", tenant_id="bob").hits

    assert [(hit.document.document_id, hit.document.tenant_id) for hit in hits] == [("1", "bob")]


def test_vector_search_stays_within_the_tenants(tenants: Any) -> None:
    near = [1.0, 0.0, 0.0]

    assert ids(tenants.vector_search(near, top_k=5, tenant_id="bob")) == ["1"]
    assert ids(tenants.vector_search(near, top_k=5, tenant_id="ann")) == ["1", "2"]
    assert len(tenants.vector_search(near, top_k=5, tenant_id=["ann", "bob"]).hits) == 3


def test_document_of_one_tenant_is_updated_and_deleted_alone(tenants: Any) -> None:
    tenants.update_document(Document("1", "ann", "I like milk"))
    tenants.delete_document("2", "ann")

    assert tenants.get_document("1", "ann").text == "I like milk"
    assert tenants.get_document("1", "bob").text == "I like tea too"
    wait_until(lambda: ids(tenants.search_documents(tenant_id="ann")) == ["1"], "one is left")


def test_all_documents_of_a_tenant_can_be_deleted(tenants: Any) -> None:
    tenants.delete_document_by_tenant("ann")

    left = [(one.document_id, one.tenant_id) for one in tenants.get_all_documents()]
    assert left == [("1", "bob")]
