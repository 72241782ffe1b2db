"""The store of LangGraph over memories that real workers keep."""

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.store.base import BaseStore

from devtools.servers import wait_until
from tablestore_memory import Publisher, Recall
from tablestore_memory.adapters.errors import Unsupported
from tablestore_memory.adapters.langgraph import MemoryStore


@pytest.fixture
def store(publisher: Publisher, recall: Recall) -> MemoryStore:
    return MemoryStore(publisher=publisher, recall=recall)


@pytest.fixture
def other(elsewhere: Publisher, recall: Recall) -> MemoryStore:
    """Of another process."""
    return MemoryStore(publisher=elsewhere, recall=recall)


@pytest.fixture
def namespace(fresh_name: str) -> tuple[str, str]:
    return "memories", fresh_name


def texts(found: list[Any]) -> list[str]:
    return [item.value["text"] for item in found]


def test_what_is_put_is_got_at_once_and_found_by_another_process(
    store: MemoryStore, other: MemoryStore, namespace: tuple[str, str]
) -> None:
    store.put(namespace, "home", {"text": "Ana lives in Paris."})

    own = store.get(namespace, "home")
    assert own is not None
    assert own.value == {"text": "Ana lives in Paris.", "kind": "document"}
    found = wait_until(
        lambda: other.search(namespace, query="Where does Ana live?"), "the memory is found"
    )
    assert (found[0].key, found[0].value) == (own.key, own.value)
    assert other.get(namespace, own.key) == own


def test_what_is_put_anew_under_a_key_takes_the_place_of_what_was_there(
    store: MemoryStore, other: MemoryStore, namespace: tuple[str, str], fresh_name: str
) -> None:
    store.put(namespace, fresh_name, {"text": "Ana lives in Paris."})
    wait_until(lambda: other.get(namespace, fresh_name), "the first is stored")

    store.put(namespace, fresh_name, {"text": "Ana lives in Rome."})

    own = store.get(namespace, fresh_name)
    assert own is not None
    assert own.value["text"] == "Ana lives in Rome."
    wait_until(lambda: other.get(namespace, fresh_name) == own, "the second is stored")
    wait_until(
        lambda: texts(other.search(namespace)) == ["Ana lives in Rome."], "the index shows it"
    )


def test_two_users_keep_what_is_theirs_under_the_same_key(
    store: MemoryStore, other: MemoryStore, fresh_name: str
) -> None:
    ana, ben = ("memories", f"{fresh_name}-ana"), ("memories", f"{fresh_name}-ben")

    store.put(ana, fresh_name, {"text": "Ana likes tea."})
    wait_until(lambda: other.get(ana, fresh_name), "Ana's is stored")
    store.put(ben, fresh_name, {"text": "Ben likes coffee."})

    found = wait_until(lambda: other.get(ben, fresh_name), "Ben's is stored")
    kept = other.get(ana, fresh_name)
    assert kept is not None
    assert texts([kept, found]) == ["Ana likes tea.", "Ben likes coffee."]


async def test_facts_extracted_from_what_was_said_are_in_it_by_kind(
    publisher: Publisher, store: MemoryStore, namespace: tuple[str, str], fresh_name: str
) -> None:
    whose: Any = {"user_id": fresh_name, "session_id": fresh_name}
    publisher.message(**whose, role="user", content="I am allergic to peanuts.")
    publisher.session_end(**whose)
    (fact,) = wait_until(lambda: store.search(namespace), "the fact is listed")

    found = await store.asearch(
        namespace, query="peanuts", filter={"kind": fact.value["kind"]}, limit=1
    )
    others = await store.asearch(namespace, query="peanuts", filter={"kind": "document"})

    assert [item.key for item in found] == [fact.key]
    assert found[0].score is not None
    assert others == []
    assert await store.aget(namespace, fact.key) == fact


def test_what_is_deleted_is_gone_at_once_and_for_another_process_soon_until_it_is_put_anew(
    store: MemoryStore, other: MemoryStore, namespace: tuple[str, str], fresh_name: str
) -> None:
    store.put(namespace, fresh_name, {"text": "Ana lives in Paris."})
    wait_until(lambda: other.search(namespace), "the memory is found")

    store.delete(namespace, fresh_name)

    assert store.get(namespace, fresh_name) is None
    wait_until(lambda: other.get(namespace, fresh_name) is None, "it is deleted")
    wait_until(lambda: other.search(namespace) == [], "the index shows it no more")
    store.put(namespace, fresh_name, {"text": "Ana lives in Rome."})
    assert store.get(namespace, fresh_name) is not None
    wait_until(lambda: texts(other.search(namespace)) == ["Ana lives in Rome."], "put anew")


def test_what_is_deleted_before_it_is_stored_stays_away(
    store: MemoryStore, other: MemoryStore, namespace: tuple[str, str], fresh_name: str
) -> None:
    store.put(namespace, fresh_name, {"text": "Ana lives in Paris."})
    store.delete(namespace, fresh_name)
    store.put(namespace, "last", {"text": "Ana likes tea."})

    assert store.get(namespace, fresh_name) is None
    wait_until(lambda: other.get(namespace, "last"), "all of it is done")
    assert other.get(namespace, fresh_name) is None


def test_fact_that_was_extracted_is_deleted_by_its_key(
    publisher: Publisher, store: MemoryStore, namespace: tuple[str, str], fresh_name: str
) -> None:
    whose: Any = {"user_id": fresh_name, "session_id": fresh_name}
    publisher.message(**whose, role="user", content="I am allergic to peanuts.")
    publisher.session_end(**whose)
    (fact,) = wait_until(lambda: store.search(namespace), "the fact is listed")

    store.delete(namespace, fact.key)

    wait_until(lambda: store.search(namespace) == [], "it is deleted")


REFUSED: dict[str, Callable[[BaseStore, tuple[str, ...]], object]] = {
    "one text": lambda store, mine: store.put(mine, "key", {"text": "a", "more": 1}),
    "must be": lambda store, mine: store.put(mine, "key", {"data": "a"}),
    "index": lambda store, mine: store.put(mine, "key", {"text": "a"}, index=False),
    "filter": lambda store, mine: store.search(mine, filter={"text": "a"}),
    "with one of": lambda store, mine: store.search(mine, filter={"kind": "facts"}),
    "namespace": lambda store, mine: store.search(("memories",)),
    "list_namespaces": lambda store, mine: store.list_namespaces(),
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_no_memory_can_do_is_refused_by_name(
    named: str, publisher: Publisher, store: MemoryStore, namespace: tuple[str, str]
) -> None:
    with pytest.raises(Unsupported, match=named):
        REFUSED[named](store, namespace)

    assert publisher.stats().accepted == 0
