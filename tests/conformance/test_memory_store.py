"""MemoryStore and AsyncMemoryStore: every public method, through tables, indexes and search."""

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from tablestore_for_agent_memory.base.base_memory_store import Message, Session
from tablestore_for_agent_memory.base.common import MetaType, Order
from tablestore_for_agent_memory.base.filter import Filters
from tablestore_for_agent_memory.memory.async_memory_store import AsyncMemoryStore
from tablestore_for_agent_memory.memory.memory_store import MemoryStore

from devtools.servers import wait_until
from tests.conformance.agent_memory import opened
from tests.conformance.searched import keyword, text
from tests.conformance.tablestore import Service


@pytest.fixture(scope="module", params=["sync", "async"])
def opened_store(request: pytest.FixtureRequest, service: Service) -> Iterator[Any]:
    name = uuid.uuid4().hex[:12]
    options: dict[str, Any] = {
        "session_table_name": f"session_{name}",
        "session_secondary_index_name": f"session_{name}_recent",
        "session_secondary_index_meta": {"topic": MetaType.STRING},
        "session_search_index_schema": [keyword("topic")],
        "message_table_name": f"message_{name}",
        "message_secondary_index_name": f"message_{name}_by_id",
        "message_search_index_schema": [keyword("role"), text("content", "max_word")],
    }
    with opened(
        request.param,
        service,
        partial(MemoryStore, **options),
        partial(AsyncMemoryStore, **options),
    ) as store:
        store.init_table()
        store.init_search_index()
        yield store


@pytest.fixture
def store(opened_store: Any) -> Any:
    """Sessions of two users and messages of two sessions, all of them in the indexes."""
    opened_store.delete_all_sessions()
    opened_store.delete_all_messages()
    for session in (
        Session("ann", "s1", 100, {"topic": "tea"}),
        Session("ann", "s2", 300, {"topic": "cats"}),
        Session("ann", "s3", 200, {"topic": "tea"}),
        Session("bob", "s4", 400, {"topic": "tea"}),
    ):
        opened_store.put_session(session)
    for message in (
        Message("s1", "m1", 1_000, "I like green tea", {"role": "user"}),
        Message("s1", "m2", 2_000, "Green tea it is", {"role": "assistant"}),
        Message("s1", "m3", 3_000, "我喜欢喝绿茶", {"role": "user"}),
        Message("s2", "m4", 4_000, "I have a cat", {"role": "user"}),
    ):
        opened_store.put_message(message)
    wait_until(
        lambda: (
            len(found(opened_store.search_sessions())) == 4
            and len(found(opened_store.search_messages())) == 4
        ),
        "the indexes have them all",
    )
    return opened_store


def found(response: Any) -> list[str]:
    return names(response.hits)


def names(things: list[Any]) -> list[str]:
    """The ids of sessions or messages."""
    return [one.message_id if isinstance(one, Message) else one.session_id for one in things]


def test_session_is_read_as_it_was_put(store: Any) -> None:
    assert store.get_session("ann", "s1") == Session("ann", "s1", 100, {"topic": "tea"})
    assert store.get_session("ann", "nothing") is None


def test_session_update_keeps_what_it_does_not_name(store: Any) -> None:
    store.update_session(Session("ann", "s1", 500, {"mood": "good"}))

    session = store.get_session("ann", "s1")
    assert session.update_time == 500
    assert session.metadata == {"topic": "tea", "mood": "good"}


def test_sessions_are_listed_by_user(store: Any) -> None:
    assert names(store.list_sessions("ann")) == ["s1", "s2", "s3"]
    assert names(store.list_sessions("ann", Filters.eq("topic", "tea"))) == ["s1", "s3"]
    assert names(store.list_sessions("ann", max_count=2)) == ["s1", "s2"]
    assert names(store.list_sessions("ann", batch_size=1)) == ["s1", "s2", "s3"]
    assert names(store.list_all_sessions()) == ["s1", "s2", "s3", "s4"]


def test_recent_sessions_come_latest_first(store: Any) -> None:
    assert names(store.list_recent_sessions("ann")) == ["s2", "s3", "s1"]
    assert names(store.list_recent_sessions("ann", max_count=1)) == ["s2"]
    assert names(store.list_recent_sessions("ann", inclusive_start_update_time=200)) == ["s3", "s1"]
    assert names(store.list_recent_sessions("ann", inclusive_end_update_time=200)) == ["s2", "s3"]
    tea = Filters.eq("topic", "tea")
    assert names(store.list_recent_sessions("ann", metadata_filter=tea)) == ["s3", "s1"]


def test_updated_session_moves_to_the_front(store: Any) -> None:
    store.update_session(Session("ann", "s1", 900))

    assert names(store.list_recent_sessions("ann")) == ["s1", "s2", "s3"]


def test_recent_sessions_come_in_pages(store: Any) -> None:
    first = store.list_recent_sessions_paginated("ann", page_size=2)
    second = store.list_recent_sessions_paginated("ann", page_size=2, next_token=first.next_token)

    assert (found(first), found(second)) == (["s2", "s3"], ["s1"])
    assert second.next_token is None


def test_sessions_are_searched(store: Any) -> None:
    tea = Filters.eq("topic", "tea")

    assert found(store.search_sessions(tea)) == ["s1", "s3", "s4"]
    late = Filters.logical_and([tea, Filters.gte("update_time", 200)])
    assert found(store.search_sessions(late)) == ["s3", "s4"]
    assert store.search_sessions(Filters.eq("user_id", "bob")).hits == [
        Session("bob", "s4", 400, {"topic": "tea"})
    ]


def test_session_search_comes_in_pages(store: Any) -> None:
    first = store.search_sessions(limit=3)
    second = store.search_sessions(limit=3, next_token=first.next_token)

    assert (found(first), found(second)) == (["s1", "s2", "s3"], ["s4"])
    assert second.next_token is None


def test_sessions_are_deleted_one_by_one_by_user_and_all(store: Any) -> None:
    store.delete_session("ann", "s2")
    assert names(store.list_all_sessions()) == ["s1", "s3", "s4"]

    store.delete_sessions("ann")
    assert names(store.list_all_sessions()) == ["s4"]

    store.delete_all_sessions()
    assert store.list_all_sessions() == []
    wait_until(lambda: found(store.search_sessions()) == [], "the index is empty")


def test_session_is_deleted_with_its_messages(store: Any) -> None:
    store.delete_session_and_messages("ann", "s1")

    assert store.get_session("ann", "s1") is None
    assert names(store.list_all_messages()) == ["m4"]


def test_message_is_read_with_and_without_its_time(store: Any) -> None:
    expected = Message("s1", "m1", 1_000, "I like green tea", {"role": "user"})

    assert store.get_message("s1", "m1", 1_000) == expected
    assert store.get_message("s1", "m1") == expected
    assert store.get_message("s1", "nothing") is None


def test_message_without_a_time_gets_one(store: Any) -> None:
    store.put_message(Message("s9", "m9", content="now"))

    assert store.get_message("s9", "m9").create_time > 1_600_000_000_000_000


def test_message_update_keeps_what_it_does_not_name(store: Any) -> None:
    store.update_message(Message("s1", "m1", content="I like black tea"))

    message = store.get_message("s1", "m1")
    assert (message.create_time, message.content) == (1_000, "I like black tea")
    assert message.metadata == {"role": "user"}


def test_messages_are_listed_in_both_orders(store: Any) -> None:
    assert names(store.list_messages("s1")) == ["m3", "m2", "m1"]
    assert names(store.list_messages("s1", order=Order.ASC)) == ["m1", "m2", "m3"]
    assert names(store.list_messages("s1", max_count=1)) == ["m3"]
    assert names(store.list_messages("s1", batch_size=1)) == ["m3", "m2", "m1"]
    assert names(store.list_all_messages()) == ["m1", "m2", "m3", "m4"]


def test_messages_are_listed_by_time_and_metadata(store: Any) -> None:
    between = {"inclusive_start_create_time": 1_500, "inclusive_end_create_time": 3_000}

    assert names(store.list_messages("s1", order=Order.ASC, **between)) == ["m2", "m3"]
    user = Filters.eq("role", "user")
    assert names(store.list_messages("s1", metadata_filter=user)) == ["m3", "m1"]


def test_messages_come_in_pages(store: Any) -> None:
    first = store.list_messages_paginated("s1", page_size=2)
    second = store.list_messages_paginated("s1", page_size=2, next_token=first.next_token)

    assert (found(first), found(second)) == (["m3", "m2"], ["m1"])
    assert second.next_token is None


def test_messages_are_searched_by_text_best_first(store: Any) -> None:
    assert found(store.search_messages(Filters.text_match("content", "cat"))) == ["m4"]
    assert found(store.search_messages(Filters.text_match("content", "绿茶"))) == ["m3"]
    green = Filters.text_match_phrase("content", "green tea")
    assert sorted(found(store.search_messages(green))) == ["m1", "m2"]
    users = Filters.logical_and([green, Filters.eq("role", "user")])
    assert found(store.search_messages(users)) == ["m1"]


def test_messages_are_searched_by_key_and_time(store: Any) -> None:
    query = Filters.logical_and([Filters.eq("session_id", "s1"), Filters.gt("create_time", 1_000)])

    assert found(store.search_messages(query)) == ["m2", "m3"]
    assert found(store.search_messages(Filters.eq("message_id", "m4"))) == ["m4"]


def test_message_search_comes_in_pages(store: Any) -> None:
    tea = Filters.text_match("content", "tea")

    first = store.search_messages(tea, limit=1)
    second = store.search_messages(tea, limit=1, next_token=first.next_token)

    assert sorted(found(first) + found(second)) == ["m1", "m2"]
    assert second.next_token is None


def test_messages_are_deleted_one_by_one_by_session_and_all(store: Any) -> None:
    store.delete_message("s1", "m1")
    store.delete_message("s1", "m2", 2_000)
    store.delete_message("s1", "nothing")
    assert names(store.list_all_messages()) == ["m3", "m4"]

    store.delete_messages("s1")
    assert names(store.list_all_messages()) == ["m4"]

    store.delete_all_messages()
    assert store.list_all_messages() == []
    wait_until(lambda: found(store.search_messages()) == [], "the index is empty")
